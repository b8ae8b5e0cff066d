// The current view as a PNG or SVG file: whole, with its title, its legend and its caption.

import { CanvasPainter } from "./canvas_painter.mjs";
import { data } from "./data.mjs";
import { make } from "./dom.mjs";
import { captionOf, headingOf, noteOf, pictureLabel, precisionOf } from "./descriptions.mjs";
import { drawLegends } from "./legend.mjs";
import { headsOver } from "./overlay.mjs";
import { drawStep, layOutStep } from "./steps.mjs";
import { SvgPainter } from "./svg_painter.mjs";
import { shorten, wrap } from "./text_measure.mjs";
import { VIEWS } from "./views.mjs";
import { drawStrips, layOutStrips } from "./word_strips.mjs";

/**
 * @typedef {import("./scene.mjs").Scene} Scene
 * @typedef {import("./word_strips.mjs").Strip} Strip
 * @typedef {{width: number, height: number}} Space
 */

const MARGIN = 24;
const LEAST_WIDTH = 420;
/** Browsers refuse larger canvases. */
const MOST_PIXELS = 60e6;
const MOST_SIDE = 16000;

/** Offer the view as a PNG file. @param {Scene} scene @param {Strip[]} strips @param {Space} space */
export function savePng(scene, strips, space) {
  const canvas = document.createElement("canvas");
  drawWhole(scene, strips, space, (width, height) => {
    const ratio = pixelRatio({ width, height });
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = scene.theme.paper;
    context.fillRect(0, 0, width, height);
    return new CanvasPainter(context, scene.theme);
  });
  canvas.toBlob((blob) => offer(blob, fileName(scene.state, "png")), "image/png");
}

/** Offer the view as an SVG file. @param {Scene} scene @param {Strip[]} strips @param {Space} space */
export function saveSvg(scene, strips, space) {
  const painter = drawWhole(scene, strips, space, (width, height) => (
    new SvgPainter(width, height, scene.theme, pictureLabel(scene))
  ));
  offer(new Blob([painter.toString()], { type: "image/svg+xml" }), fileName(scene.state, "svg"));
}

/** Return how many pixels a CSS pixel has in a picture of this size: 2, or as many as a canvas may have. */
export function pixelRatio({ width, height }) {
  return Math.min(2, Math.sqrt(MOST_PIXELS / (width * height)), MOST_SIDE / Math.max(width, height));
}

/** Draw the whole view with the painter that makePainter(width, height) returns, and return that. */
function drawWhole(scene, strips, space, makePainter) {
  const { theme } = scene;
  const { body, drawBody } = layOutBody(scene, strips, { ...space, width: Math.max(480, space.width) });
  const width = Math.max(body.width, LEAST_WIDTH) + 2 * MARGIN;
  const room = width - 2 * MARGIN;
  const precision = data.precision === "exact" ? "" : precisionOf(scene);
  const caption = [captionOf(scene), noteOf(scene), precision].filter(Boolean)
    .flatMap((text) => wrap(text, 12, room));
  const heading = [...wrap(data.title, 18, 0.9 * room).map((line) => [line, 18, true]), [headingOf(scene), 14, false]]
    .filter(([text]) => text);
  const top = MARGIN + heading.length * 26 + 8;
  const height = top + body.height + 30 + 34 + caption.length * 18 + MARGIN;
  const painter = makePainter(width, height);
  heading.forEach(([text, size, bold], at) => {
    painter.text(shorten(text, size, room, bold), MARGIN, MARGIN + 10 + at * 26, { size, bold, color: theme.ink });
  });
  painter.shift(MARGIN, top, () => drawBody(painter));
  drawLegends(scene, painter, MARGIN, top + body.height + 34);
  caption.forEach((line, at) => {
    painter.text(line, MARGIN, top + body.height + 70 + at * 18, { size: 12, color: theme.soft });
  });
  return painter;
}

function layOutBody(scene, strips, space) {
  if (scene.state.view === "steps") {
    const body = layOutStep(scene, space);
    return { body, drawBody: (painter) => drawStep(scene, painter, body) };
  }
  if (scene.state.view === "words") {
    const body = layOutStrips(strips, space, scene.over ? scene.over.length : 0);
    return { body, drawBody: (painter) => drawStrips(scene, painter, body) };
  }
  const view = VIEWS[scene.state.view];
  const body = view.layOut(scene, space);
  const all = { x: 0, y: 0, width: body.width, height: body.height };
  return { body, drawBody: (painter) => view.draw(scene, painter, body, all) };
}

function fileName({ view, layer, head, over, branch, step }, suffix) {
  if (view === "steps") {
    const ofBranch = data.played.length > 1 ? `-branch${branch + 1}` : "";
    return `attnviz${ofBranch}-step${step + 1}.${suffix}`;
  }
  const parts = ["attnviz", view];
  if (data.layers.length > 1) parts.push(`layer${layer}`);
  if (over) parts.push(`heads${headsOver(over).map((each) => each.head).join("-")}`);
  else if (data.heads.length > 1) parts.push(`head${head}`);
  return `${parts.join("-")}.${suffix}`;
}

function offer(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
