// The legend: a bar of each scale's colours with the numbers at its ends.

import { colorAt, scaleEnd } from "./colors.mjs";
import { IS_CROSS, data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { formatNumber, largestSize, logFloor, pureDecimal } from "./numbers.mjs";
import { sheetsShown } from "./overlay.mjs";
import { patchNumbers } from "./patch_map.mjs";
import { columnMeans, isRemoved } from "./sheets.mjs";
import { widthOf } from "./text_measure.mjs";

/** @typedef {import("./scene.mjs").Scene} Scene */

/** Show the legend of each scale in use, and of forbidden cells. @param {Scene} scene */
export function showLegend(scene) {
  const legends = showsHeads(scene) ? buildHeads(scene)
    : scalesInUse(scene).map(({ scale, side }) => buildLegend(scene, scale, side));
  if (scene.state.view !== "steps" && sheetsShown(scene).some((sheet) => sheet.forbidden)) {
    const sample = make("span", { className: "hatched", "aria-hidden": "true", text: "·" });
    legends.push(make("span", { className: "key" }, sample, scene.say("cannot_look")));
  }
  byId("legend").replaceChildren(...legends);
}

/** Draw the legends in one line from x on, for a saved picture. */
export function drawLegends(scene, painter, x, y) {
  if (showsHeads(scene)) {
    drawHeads(scene, painter, x, y);
    return;
  }
  for (const { scale, side } of scalesInUse(scene)) {
    const [low, high] = legendEnds(scene, scale, side);
    const color = scene.theme.ink;
    painter.text(low, x, y, { size: 12, color });
    const left = x + widthOf(low, 12) + 8;
    for (let step = 0; step < 64; step += 1) {
      painter.rect(left + step * 2.5, y - 6, 2.6, 12, colorAt(side, Math.round((step * 255) / 63)));
    }
    painter.text(high, left + 168, y, { size: 12, color });
    x = left + 168 + widthOf(high, 12) + 28;
  }
}

/** Whether the colours are those of heads over each other; small maps have those of the scale. */
function showsHeads({ over, state }) {
  return over !== null && state.view !== "heads" && state.view !== "steps";
}

/** Build the name of each head beside its colour, and what a full colour stands for. */
function buildHeads(scene) {
  const names = scene.over.map(({ head, colour }) => {
    const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
    swatch.style.backgroundColor = colour;
    return make("span", { className: "key" }, swatch, scene.headName(head));
  });
  const full = fullColour(scene);
  return full ? [...names, make("span", { text: full })] : names;
}

function drawHeads(scene, painter, x, y) {
  const color = scene.theme.ink;
  for (const { head, colour } of scene.over) {
    const name = scene.headName(head);
    painter.rect(x, y - 6, 12, 12, colour);
    painter.text(name, x + 18, y, { size: 12, color });
    x += 18 + widthOf(name, 12) + 20;
  }
  painter.text(fullColour(scene), x, y, { size: 12, color });
}

/** Return what a full colour stands for; "" in arcs, which fade by what exceeds the even share. */
function fullColour(scene) {
  const { state, say, row, over } = scene;
  if (state.view === "arcs") return "";
  const means = state.view === "words" && row === null && (!IS_CROSS || state.other === null);
  if (state.colours === "row" && !means) return say("full_row");
  if (state.colours === "head" || means) return say("full_head");
  const number = formatNumber(scaleEnd(over[0].sheet, row, state.colours), data.digits);
  return say(state.colours === "log" ? "full_log" : "full_all", { number });
}

/** Return the scales, each with the first side that has it; arcs have none. */
function scalesInUse({ state }) {
  return state.view === "arcs" ? [] : data.scales.map((scale, at) => ({ scale, side: data.scaleOfSide.indexOf(at) }));
}

function buildLegend(scene, scale, side) {
  const bar = make("span", { className: "ramp" });
  const stops = Array.from({ length: 18 }, (_, at) => colorAt(side, Math.round((at * 255) / 17)));
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(",")})`;
  const [low, high] = legendEnds(scene, scale, side);
  return make("span", { className: "scale" }, make("span", { text: low }), bar, make("span", { text: high }));
}

/** Return the two texts at the ends of a scale. */
function legendEnds(scene, scale, side) {
  const { state, row, say } = scene;
  const isLog = state.colours === "log";
  const ends = (largest) => (scale.diverging ? ["−", "+"] : ["0", say(largest)]);
  if (state.view === "steps") return ["0", say("row_largest")];
  if (state.view === "heads" && state.colours !== "all" && !isLog) return ends("map_largest");
  let high = scaleEnd(scene.sheets[side], row, state.colours);
  let { floor } = scale;
  if (state.view === "patches") {
    const numbers = patchNumbers(scene, scene.sheets[side]);
    high = numbers.high;
    floor = numbers.floor ?? floor;
  } else if (state.view === "words" && row === null && (!IS_CROSS || state.other === null)) {
    const sheet = scene.sheets[side];
    const means = columnMeans(sheet).filter((_, column) => !isRemoved(sheet, column));
    high = largestSize(means);
    floor = logFloor(means, high);
  } else if (state.colours === "row" && row === null) return ends("row_largest");
  const number = formatNumber(high, data.digits, scale.diverging);
  if (isLog && !scale.diverging) {
    return [say("and_less", { floor: pureDecimal(Number(floor.toPrecision(1)).toString()) }), number];
  }
  return [scale.diverging ? formatNumber(-high, data.digits) : "0", number];
}
