// The arcs of one head: the text, and a curve from each word to those it attends to.

import { IS_LONG, arcsOf, countPossible } from "./arc_selection.mjs";
import { accentOf } from "./colors.mjs";
import { IS_CROSS, SIDES, data } from "./data.mjs";
import { drawSideTitle } from "./drawing.mjs";
import { sheetsShown } from "./overlay.mjs";
import { layOutText } from "./text_layout.mjs";
import { widthOf } from "./text_measure.mjs";

/** Pixels of the letters of a text that may take several lines, and beside each of its words. */
const SMALL = 16;
const SMALL_PAD = 4;

/** Lay the panels of the sides out below each other. */
function layOut({ sheets }, space) {
  const panels = [];
  let y = 0;
  for (const sheet of sheets) {
    const panel = layOutPanel(sheet, space, y);
    panels.push(panel);
    y += panel.height + 16;
  }
  const boxes = panels.flatMap(({ from, to }) => [from, to]).flatMap((laid) => [...laid.boxes.flat(), ...laid.plain]);
  const width = boxes.reduce((most, box) => Math.max(most, box.x + box.width), 0) + 6;
  return { size: panels[0].size, panels, width, height: y - 16 };
}

/** Lay one side's text out with room for its curves: a text of one line is spread out and gets high ones. */
function layOutPanel(sheet, { width, height: most }, y) {
  const title = SIDES > 1 ? 30 : 0;
  const source = data.texts[data.rowTexts[sheet.side]];
  const room = width - 12;
  const { size, pad, single } = fitLetters(room);
  const rise = size * 0.95;
  const metrics = { room, size, pad, lineHeight: size * 1.5 + 34 };
  const isLine = single && !IS_CROSS;
  const high = isLine ? Math.min(SIDES > 1 ? 90 : 200, Math.max(60, Math.min(room * 0.2, most * 0.4 / SIDES))) : 34;
  const head = title + high + rise + 12;
  const from = shiftRight(layOutText(source, data.rows, { ...metrics, top: head }), 6);
  let to = from;
  if (IS_CROSS) {
    const below = { ...metrics, top: from.height + 110 };
    to = shiftRight(layOutText(data.texts[data.columnText], data.columns, below), 6);
  }
  const height = to.height - metrics.lineHeight + size * 1.2 + (IS_CROSS ? 0 : high + 12);
  return { sheet, y, from, to, high, title, size, pad, rise, height };
}

/** Choose the largest letters, and room around each word, with which every text fits one line; else small letters. */
function fitLetters(room) {
  const widthOfGap = (gap, size) => (gap.trim() ? widthOf(gap, size) : gap ? size * 0.28 : 0);
  const lengthOf = (text, at, size) => [...text.gaps, text.tail].reduce((sum, gap) => sum + widthOfGap(gap, size), 0)
    + (at === data.columnText ? data.columns : data.rows).reduce((sum, label) => sum + widthOf(label, size), 0);
  const countBoxes = (text) => text.words.length + [...text.gaps, text.tail].filter((gap) => gap.trim()).length;
  const hasLines = data.texts.some((text) => text.gaps.some((gap) => gap.includes("\n")));
  for (const size of hasLines ? [] : [30, 24, 19, SMALL]) {
    const lengths = data.texts.map((text, at) => lengthOf(text, at, size));
    const free = Math.min(...data.texts.map((text, at) => (room - lengths[at] - 2) / countBoxes(text) / 2));
    if (free >= (size > SMALL ? 5 : 2)) return { size, pad: Math.min(free, size * 1.5), single: true };
  }
  return { size: SMALL, pad: SMALL_PAD, single: false };
}

function shiftRight(laid, by) {
  for (const box of [...laid.boxes.flat(), ...laid.plain]) box.x += by;
  return laid;
}

/** Draw the panels in sight. */
function draw(scene, painter, plan, seen) {
  for (const panel of plan.panels) {
    if (panel.y > seen.y + seen.height || panel.y + panel.height < seen.y) continue;
    if (SIDES > 1) drawSideTitle(scene, painter, panel.sheet.side, 4, panel.y + 14, plan.width - 8);
    for (const arc of arcsToDraw(scene, panel)) drawArc(painter, panel, arc);
    drawWords(scene, painter, plan, panel, panel.from, "row");
    if (panel.to !== panel.from) drawWords(scene, painter, plan, panel, panel.to, "column");
  }
}

/** Return the arcs of a panel with their colours, the strongest last; of several heads beside each other. */
function arcsToDraw(scene, panel) {
  const { over, theme } = scene;
  if (!over) {
    const colorOf = ({ value }) => accentOf(panel.sheet.side, value, theme.paper);
    return arcsOf(scene, panel.sheet).map((arc) => ({ ...arc, color: colorOf(arc), aside: 0 }));
  }
  const gap = Math.min(5, panel.pad);
  return over.flatMap(({ sheet, colour }, at) => (
    arcsOf(scene, sheet).map((arc) => ({ ...arc, color: colour, aside: gap * (at - (over.length - 1) / 2) }))
  )).sort((a, b) => a.share - b.share);
}

/** Draw a curve, the wider and the less transparent the stronger it is; between lines with a point at its end. */
function drawArc(painter, panel, { color, aside: shift, ...arc }) {
  const from = panel.from.boxes[arc.row][0];
  const to = panel.to.boxes[arc.column][0];
  if (!from || !to) return;
  const points = curvePoints(panel, from, to).map(([x, y]) => [x + shift, y]);
  const thickness = Math.max(0.6, (from === to ? 4 : 8) * arc.share);
  const alpha = 0.12 + 0.88 * arc.share;
  painter.curve(points, color, thickness, alpha);
  if (from.y === to.y || IS_CROSS) return;
  const [x, y] = points[3];
  const back = Math.sign(points[2][1] - y) * (5 + thickness);
  for (const aside of [-4 - thickness / 2, 4 + thickness / 2]) {
    const end = [x + aside, y + back];
    painter.curve([[x, y], [x, y], end, end], color, thickness, alpha);
  }
}

/**
 * Return the four points of a cubic curve between two words: above their line where the first looks to the right or at
 * itself, below it where it looks to the left; or between their lines.
 */
function curvePoints(panel, from, to) {
  const middle = (box) => box.x + box.width / 2;
  const { rise } = panel;
  const a = [middle(from), panel.y + from.y];
  const b = [middle(to), panel.y + to.y];
  if (from === to) {
    const top = a[1] - rise;
    return [[a[0], top], [a[0] - 20, top - 28], [a[0] + 20, top - 28], [a[0], top]];
  }
  if (from.y === to.y) {
    const across = b[0] - a[0];
    const way = across > 0 ? -1 : 1;
    const start = a[1] + way * rise;
    const peak = start + way * (4 / 3) * Math.min(panel.high, 14 + Math.abs(across) * 0.42);
    return [[a[0], start], [a[0] + across * 0.12, peak], [b[0] - across * 0.12, peak], [b[0], start]];
  }
  const down = b[1] > a[1];
  const start = down ? a[1] + rise : a[1] - rise;
  const end = down ? b[1] - rise : b[1] + rise;
  const half = (end - start) * 0.5;
  return [[a[0], start], [a[0], start + half], [b[0], end - half], [b[0], end]];
}

function drawWords({ row, column, found, theme }, painter, plan, panel, laid, axis) {
  const chosen = axis === "row" ? row : column;
  for (const box of laid.plain) {
    painter.text(box.words, box.x + panel.pad, panel.y + box.y, { size: plan.size, color: theme.soft });
  }
  laid.boxes.forEach((boxes, word) => boxes.forEach((box) => {
    const height = plan.size * 1.6;
    const width = box.width - 2 * panel.pad + 12;
    const x = box.x + panel.pad - 6;
    const style = { size: plan.size, color: theme.ink, align: "center" };
    if (word === chosen) {
      painter.rect(x, panel.y + box.y - height / 2, width, height, theme.accent);
      style.color = theme.paper;
    } else if (found[axis].has(word)) {
      painter.rect(x, panel.y + box.y - height / 2, width, height, theme.mark);
      style.color = theme.onMark;
    }
    painter.text(box.words, box.x + box.width / 2, panel.y + box.y, style);
  }));
}

/** Return the word at a point. @returns {import("./scene.mjs").Hover} */
function hit(plan, x, y) {
  for (const panel of plan.panels) {
    const row = wordAt(panel.from, panel, plan.size, x, y);
    if (row !== null) return { row, column: null, side: panel.sheet.side };
    const column = panel.to === panel.from ? null : wordAt(panel.to, panel, plan.size, x, y);
    if (column !== null) return { row: null, column, side: panel.sheet.side };
  }
  return null;
}

function wordAt(laid, panel, size, x, y) {
  for (let word = 0; word < laid.boxes.length; word += 1) {
    for (const box of laid.boxes[word]) {
      const inside = Math.abs(y - panel.y - box.y) <= size && x >= box.x && x < box.x + box.width;
      if (inside) return word;
    }
  }
  return null;
}

/** Return the rectangle of the chosen word in the first panel, with room for its curves. */
function spot({ word, other }, plan) {
  const panel = plan.panels[0];
  const [box] = word === null ? panel.to.boxes[other] : panel.from.boxes[word];
  return { x: box.x, y: panel.y + box.y - 30, width: box.width, height: plan.size * 2 + 30, left: 0, top: 0 };
}

/** Return what is said below the arcs: which of them are drawn. */
export function arcsNote(scene) {
  const { row, column, say } = scene;
  if (row === null && column === null && IS_LONG) return say("arcs_long_note");
  const sheets = sheetsShown(scene);
  const shown = sheets.reduce((sum, sheet) => sum + arcsOf(scene, sheet).length, 0);
  const what = SIDES > 1 ? say("arcs_changes_note")
    : row === null ? say("arcs_note") : say("arcs_word_note", { word: data.rows[row] });
  const count = row === null ? sheets.reduce((sum, sheet) => sum + countPossible(sheet), 0) : 0;
  const number = row === null ? say("arcs_shown", { shown, count }) : "";
  return [what, number, say(IS_CROSS ? "arcs_cross" : "arcs_direction")].filter(Boolean).join(" ");
}

/** @type {import("./views.mjs").View} */
export const arcs = { layOut, draw, hit, spot };
