// Colours of numbers: which end a scale has in the chosen colouring, and which of its 256 colours a number gets.
// A colouring is state.colours: "all" (one scale for all), "head", "row" (a scale each) or "log" (logarithmic).

import { SIDES, data } from "./data.mjs";
import { placeLinear, placeLog, roundHalfEven } from "./numbers.mjs";
import { scaleOf } from "./sheets.mjs";

/** The colours of each scale as bytes [256 * 3]. */
const PALETTES = data.scales.map(({ colours }) => (
  Uint8Array.from(colours.match(/../g), (pair) => parseInt(pair, 16))
));

/** Return the number at the end of the scale for a cell of this row; row null: for the sheet. */
export function scaleEnd(sheet, row, colouring) {
  if (colouring === "row" && row !== null) return sheet.rowReach[row];
  if (colouring === "all" || colouring === "log") return sheet.isPartial ? sheet.high : scaleOf(sheet.side).high;
  if (sheet.isPartial) return sheet.rowReach.reduce((most, reach) => Math.max(most, reach), 0);
  let high = 0;
  for (let side = 0; side < SIDES; side += 1) {
    if (data.scaleOfSide[side] === data.scaleOfSide[sheet.side]) {
      high = Math.max(high, data.sheets[sheet.index - sheet.side + side].reach);
    }
  }
  return high;
}

function placerOf(side, colouring, floor) {
  const { diverging } = scaleOf(side);
  if (colouring === "log") return (high, value) => placeLog(floor, high, diverging, value);
  return (high, value) => placeLinear(diverging ? -high : 0, high, diverging, value);
}

/**
 * Return a function (high, value) -> 0 to 255, the index of the colour of `value` on the scale that ends at `high`.
 *
 * @param {number} side
 * @param {string} colouring
 * @param {number} [floor] of a logarithmic scale; the scale's own if not given
 */
export function shaderOf(side, colouring, floor = scaleOf(side).floor) {
  const place = placerOf(side, colouring, floor);
  return (high, value) => roundHalfEven(place(high, value) * 255);
}

/** Return the index of the colour of one number; shaderOf is faster for many. */
export function shadeOf(side, colouring, high, value, floor) {
  return shaderOf(side, colouring, floor)(high, value);
}

/** Return colour `shade` of a side's scale as "#rrggbb". */
export function colorAt(side, shade) {
  return `#${scaleOf(side).colours.slice(6 * shade, 6 * shade + 6)}`;
}

/** Return the colour of text on colour `shade`. */
export function inkAt(side, shade) {
  return scaleOf(side).ink[shade] === "0" ? "#000000" : "#ffffff";
}

/** Return the colours of a side's scale as bytes [256 * 3]. */
export function paletteOf(side) {
  return PALETTES[data.scaleOfSide[side]];
}

/** Return the number below which cells are hidden; 0: none. The slider's steps grow, to tell small numbers apart. */
export function thresholdOf(state) {
  return data.scales[0].high * (state.least / 100) ** 2;
}

/** Return the bytes of a colour "#rrggbb". */
export function bytesOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Return black or white, whichever is easier to read on a colour [3 bytes], as in Python. */
export function inkOn(bytes) {
  const hex = `#${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  return luminanceOf(hex) > 0.179 ? "#000000" : "#ffffff";
}

/** Return the luminance of a colour, 0 to 1 (WCAG 2.2, relative luminance). @param {string} hex "#rrggbb" */
function luminanceOf(hex) {
  const [red, green, blue] = bytesOf(hex).map((byte) => {
    const level = byte / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Return the colour of an arc, as in pictures: of the scale, legible on the paper; of a change, that of its sign. */
export function accentOf(side, value, paper) {
  if (scaleOf(side).diverging) return colorAt(side, value < 0 ? 30 : 225);
  const ground = luminanceOf(paper);
  const isLegible = (shade) => {
    const [low, high] = [luminanceOf(colorAt(side, shade)), ground].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05) >= 4.5;
  };
  return colorAt(side, [90, 128, 160, 64, 190, 220, 40, 245, 10].find(isLegible) ?? 128);
}
