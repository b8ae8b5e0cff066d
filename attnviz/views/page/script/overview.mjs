// The overview of all heads: a small map for each layer, side and head.

import { paletteOf, shadeOf } from "./colors.mjs";
import { pictureOf } from "./canvas_painter.mjs";
import { ROWS, COLUMNS, SIDES, data, sheetIndex } from "./data.mjs";
import { drawColumnLabel, drawOutlinedFrame } from "./drawing.mjs";
import { colourOver } from "./overlay.mjs";
import { scaleOf } from "./sheets.mjs";
import { shorten, widestOf } from "./text_measure.mjs";

const SIZE = 13;
const MOST_COLUMN_LABEL = 160;

/** Lay out a line of maps for each layer and side, a column for each head. */
function layOut({ nameOf, titleOf }, space) {
  const lines = data.layers.flatMap((_, layer) => data.sides.map((__, side) => ({ layer, side })));
  const mostLabel = Math.min(180, space.width * 0.3);
  const labels = lines.map(({ layer, side }) => {
    const name = nameOf(data.layers[layer]) || titleOf(0, 0) || "0";
    return SIDES > 1 ? `${name} · ${nameOf(data.sides[side])}` : name;
  });
  const left = 12 + widestOf(labels, SIZE, mostLabel);
  const names = data.heads.map(nameOf);
  const gap = names.length > 16 || (space.width - left) / names.length < 32 ? 3 : 6;
  const height = Math.max(space.isPaper ? 8 : 40, (space.height - 60) / lines.length - gap);
  const sideIn = (width) => {
    const room = width / names.length - gap;
    return Math.floor(Math.max(18, Math.min(150, room, height)));
  };
  const slantedFrom = (side) => names.map((name) => widestOf([name], SIZE, MOST_COLUMN_LABEL) > side + gap - 2);
  const overhangOf = (side) => (slantedFrom(side).at(-1)
    ? Math.max(0, widestOf(names.slice(-1), SIZE, MOST_COLUMN_LABEL) * Math.SQRT1_2 + SIZE - side / 2) : 0);
  const side = sideIn(space.width - left - overhangOf(sideIn(space.width - left)));
  const slanted = slantedFrom(side);
  const widest = widestOf(names.filter((_, at) => slanted[at]), SIZE, MOST_COLUMN_LABEL);
  const top = widest ? widest * Math.SQRT1_2 + SIZE : SIZE + 12;
  const ratio = Math.max(0.25, Math.min(4, ROWS / COLUMNS));
  const tall = ratio > 1 ? side : Math.max(12, Math.round(side * ratio));
  const wide = ratio > 1 ? Math.max(12, Math.round(side / ratio)) : side;
  return {
    lines, labels, mostLabel, left, gap, top, wide, tall, slanted,
    width: left + (wide + gap) * names.length + overhangOf(wide), height: top + (tall + gap) * lines.length + 4,
  };
}

/** Draw the maps in sight; labels stay at the edge of what is seen. */
function draw(scene, painter, plan, seen) {
  const stickX = Math.max(plan.left, seen.x + plan.left);
  const stickY = Math.max(plan.top, seen.y + plan.top);
  painter.clip(stickX - 3, stickY - 3, plan.width - stickX + 6, plan.height - stickY + 6, () => {
    plan.lines.forEach((line, at) => drawLine(scene, painter, plan, line, at, seen));
  });
  const styleOf = (chosen) => ({
    size: SIZE, color: chosen ? scene.theme.accent : scene.theme.ink, bold: chosen,
  });
  plan.labels.forEach((label, at) => {
    const y = plan.top + at * (plan.tall + plan.gap) + plan.tall / 2;
    if (y < stickY) return;
    const style = styleOf(plan.lines[at].layer === scene.state.layer);
    painter.text(shorten(label, SIZE, plan.mostLabel, style.bold), stickX - 8, y, { ...style, align: "right" });
  });
  data.heads.forEach((head, at) => {
    const x = plan.left + at * (plan.wide + plan.gap) + plan.wide / 2;
    if (x < stickX) return;
    const style = styleOf(at === scene.state.head);
    const words = shorten(scene.nameOf(head), SIZE, MOST_COLUMN_LABEL, style.bold);
    drawColumnLabel(painter, words, x, stickY, { ...style, slanted: plan.slanted[at] });
  });
}

function drawLine(scene, painter, plan, { layer, side }, at, seen) {
  const { state, hover, theme } = scene;
  const y = plan.top + at * (plan.tall + plan.gap);
  if (y > seen.y + seen.height || y + plan.tall < seen.y) return;
  for (let head = 0; head < data.heads.length; head += 1) {
    const x = plan.left + head * (plan.wide + plan.gap);
    if (x > seen.x + seen.width || x + plan.wide < seen.x) continue;
    const box = { x, y, width: plan.wide, height: plan.tall };
    const index = sheetIndex(layer, head, side);
    if (data.sheets[index].mask >= 0) painter.hatch(x, y, plan.wide, plan.tall);
    painter.picture(x, y, plan.wide, plan.tall, smallPicture(scene, index, side));
    const isChosen = layer === state.layer && head === state.head;
    const isPointedAt = hover && hover.layer === layer && hover.head === head;
    const colour = layer === state.layer ? colourOver(state.over, head) : undefined;
    if (colour) drawOutlinedFrame(painter, theme, box, colour, isChosen ? 5 : 4);
    else if (isChosen) drawOutlinedFrame(painter, theme, box, theme.accent, 2.5);
    else if (isPointedAt) drawOutlinedFrame(painter, theme, box, theme.ink, 1.5);
    else painter.frame(x, y, plan.wide, plan.tall, theme.line, 1);
  }
}

/** Return a small map in the chosen colouring; each is made once. */
function smallPicture({ state, small }, index, side) {
  const special = data.small.step > 1 ? "keep" : state.special;
  const key = `${index} ${state.colours} ${special}`;
  if (!small.pictures.has(key)) {
    const pixels = smallPixels(small.bytes, index, side, state.colours, special);
    small.pictures.set(key, pictureOf(pixels, data.small.columns, data.small.rows));
  }
  return small.pictures.get(key);
}

/** Return a small map's RGBA bytes. Byte 0 is forbidden and stays clear; 1 to 255 are shares of the map's largest. */
function smallPixels(bytes, index, side, colouring, special) {
  if (special !== "keep") return partialPixels(bytes, index, side, colouring, special);
  const count = data.small.rows * data.small.columns;
  const { diverging, high } = scaleOf(side);
  const { reach } = data.sheets[index];
  const end = colouring === "all" || colouring === "log" ? high : reach;
  const palette = paletteOf(side);
  const shades = Array.from({ length: 256 }, (_, byte) => {
    const share = (byte - 1) / 254;
    return byte ? 3 * shadeOf(side, colouring, end, reach * (diverging ? 2 * share - 1 : share)) : 0;
  });
  const pixels = new Uint8ClampedArray(4 * count);
  for (let cell = 0; cell < count; cell += 1) {
    const byte = bytes[index * count + cell];
    if (!byte) continue;
    pixels.set(palette.subarray(shades[byte], shades[byte] + 3), 4 * cell);
    pixels[4 * cell + 3] = 255;
  }
  return pixels;
}

/** The same with the columns of special tokens and sinks left clear, on a scale of the others. */
function partialPixels(bytes, index, side, colouring, special) {
  const { rows, columns } = data.small;
  const values = Float64Array.from(bytes.subarray(index * rows * columns, (index + 1) * rows * columns), (byte) => (
    byte ? (data.sheets[index].reach * (byte - 1)) / 254 : -1
  ));
  const isKept = (at) => values[at] >= 0 && !data.hideable.columns.includes(at % columns);
  for (let row = 0; special === "renormalize" && row < rows; row += 1) {
    const cells = Array.from({ length: columns }, (_, column) => row * columns + column).filter(isKept);
    const sum = cells.reduce((total, at) => total + values[at], 0);
    for (const at of cells) values[at] /= sum || 1;
  }
  const own = values.reduce((most, value, at) => (isKept(at) ? Math.max(most, value) : most), 0);
  const isShared = colouring === "all" || colouring === "log";
  const end = isShared ? data.hideable.high[special === "hide" ? 0 : 1] : own;
  const pixels = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, at) => {
    if (!isKept(at)) return;
    const shade = 3 * shadeOf(side, colouring, end, value);
    pixels.set(paletteOf(side).subarray(shade, shade + 3), 4 * at);
    pixels[4 * at + 3] = 255;
  });
  return pixels;
}

/** Return the map at a point. @returns {import("./scene.mjs").Hover} */
function hit(plan, x, y) {
  const head = Math.floor((x - plan.left) / (plan.wide + plan.gap));
  const line = Math.floor((y - plan.top) / (plan.tall + plan.gap));
  if (head < 0 || head >= data.heads.length || line < 0 || line >= plan.lines.length) return null;
  return { layer: plan.lines[line].layer, head, side: plan.lines[line].side };
}

/** Return the rectangle of the chosen map, and the room that labels take left of and above it. */
function spot(state, plan) {
  const line = plan.lines.findIndex(({ layer }) => layer === state.layer);
  return {
    x: plan.left + state.head * (plan.wide + plan.gap), y: plan.top + line * (plan.tall + plan.gap),
    width: plan.wide, height: (plan.tall + plan.gap) * SIDES, left: plan.left, top: plan.top,
  };
}

/** @type {import("./views.mjs").View} */
export const overview = { layOut, draw, hit, spot };
