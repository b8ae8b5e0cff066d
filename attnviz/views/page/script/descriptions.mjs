// Texts around the view: what it is called, what is pointed at, and the notes below it.

import { arcsNote } from "./arcs.mjs";
import { COLUMNS, ROWS, SIDES, data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { eachHead, sheetsShown } from "./overlay.mjs";
import { branchOf, headingOfStep, readoutOfStep } from "./steps.mjs";
import { cellText, columnMeans, hasNoEmptyRow, isForbidden, isRemoved, meanText, valueAt } from "./sheets.mjs";
import { startsAtEven } from "./word_shades.mjs";

/** @typedef {import("./scene.mjs").Scene} Scene */

/** Return what stands between the parts of an enumeration. */
function separator({ lang }) {
  return lang === "zh" ? "、" : ", ";
}

/** Return the title of the chosen layer and head, or heads. */
function titleOf({ state, over, titleOf: title, nameOf, say }) {
  if (!over) return title(state.layer, state.head);
  const heads = over.map(({ head }) => nameOf(data.heads[head])).join(separator(state));
  const layer = nameOf(data.layers[state.layer]);
  return data.layers.length > 1 ? say("over_title_layer", { layer, heads }) : say("over_title", { heads });
}

/** Return what a screen reader says of the view before the line that is read out. */
export function announcedTitle(scene) {
  return scene.state.view === "steps" ? headingOfStep(scene) : titleOf(scene);
}

/** Return the heading above the view. */
export function headingOf(scene) {
  const { state, say } = scene;
  if (state.view === "steps") return headingOfStep(scene);
  return state.view === "heads" ? say(SIDES > 1 ? "changes" : "heads") : titleOf(scene) || say(state.view);
}

/** Return one sentence about what is pointed at, else about what is chosen. */
export function readoutOf(scene) {
  const { hover, row, column, say } = scene;
  if (scene.state.view === "steps") return readoutOfStep(scene);
  if (hover && "layer" in hover) return scene.titleOf(hover.layer, hover.head);
  if (scene.state.view === "heads") return say(scene.over ? "says_over" : "says_heads");
  if (row !== null && column !== null) return readoutOfCell(scene, row, column, hover ? hover.side ?? 0 : null);
  if (row !== null) return readoutOfRow(scene, row);
  if (column !== null) return readoutOfColumn(scene, column);
  return say("says_hint");
}

/** Show that sentence. On paper there is nothing to point at, so that a hint is left out there. */
export function showReadout(scene) {
  const { hover, row, column, state } = scene;
  byId("readout").textContent = readoutOf(scene);
  const says = state.view === "steps" || hover !== null || (state.view !== "heads" && (row ?? column) !== null);
  byId("readout").classList.toggle("hint", !says);
}

/** Describe a cell, on one side or (side null) on all. */
function readoutOfCell(scene, row, column, side) {
  const { over, say } = scene;
  const sheets = sheetsShown(scene);
  const shown = side === null || over ? sheets : [sheets[side]];
  const fields = { query: data.rows[row], key: data.columns[column] };
  if (shown.every((sheet) => isForbidden(sheet, row, column))) return say("says_forbidden", fields);
  const sentence = isRemoved(shown[0], column) ? "says_hidden" : "says_weight";
  const number = over ? eachHead(scene, ({ sheet }) => cellText(sheet, row, column))
    : shown.map((sheet) => cellText(sheet, row, column)).join(" · ");
  return say(sentence, { ...fields, number });
}

/** Return the column of the largest cell of a row; null where all are forbidden or hidden. */
function largestOfRow(sheet, row) {
  let best = null;
  for (let column = 0; column < COLUMNS; column += 1) {
    if (isForbidden(sheet, row, column) || isRemoved(sheet, column)) continue;
    if (best === null || Math.abs(valueAt(sheet, row, column)) > Math.abs(valueAt(sheet, row, best))) best = column;
  }
  return best;
}

/** Describe the largest cell of a row. */
function readoutOfRow(scene, row) {
  if (scene.over) {
    const heads = eachHead(scene, ({ sheet }) => {
      const best = largestOfRow(sheet, row);
      if (best === null) return "·";
      return scene.say("over_most", { key: data.columns[best], number: cellText(sheet, row, best) });
    });
    return scene.say("says_most_over", { query: data.rows[row], heads });
  }
  const sheet = scene.sheets[SIDES - 1];
  const best = largestOfRow(sheet, row);
  if (best === null) return scene.say("says_nothing", { query: data.rows[row] });
  if (SIDES > 1) return readoutOfCell(scene, row, best, null);
  const fields = { query: data.rows[row], key: data.columns[best], number: cellText(sheet, row, best) };
  return scene.say("says_most", fields);
}

function readoutOfColumn(scene, column) {
  const { sheets, over, say } = scene;
  const meanOf = (sheet) => meanText(sheet, columnMeans(sheet)[column]);
  const number = over ? eachHead(scene, ({ sheet }) => meanOf(sheet)) : sheets.map(meanOf).join(" · ");
  return say("says_received", { key: data.columns[column], number });
}

/** Return the note below the view. */
export function noteOf(scene) {
  return [noteOfView(scene), hiddenNote(scene)].filter(Boolean).join(" · ");
}

/** Return which columns of special tokens and sinks are hidden, and whether rows were re-normalized; "": none. */
function hiddenNote(scene) {
  const { state, say } = scene;
  if (state.special === "keep" || state.view === "steps") return "";
  if (state.view === "heads" && data.small.step > 1) return say("special_pooled");
  const names = new Set(data.hideable.columns.map((column) => data.columns[column]));
  const words = [...names].map((word) => say("word_quoted", { word })).join(separator(state));
  if (state.special === "hide") return say("special_hidden", { words });
  const isWhole = sheetsShown(scene).every(hasNoEmptyRow);
  return say(isWhole ? "special_renormalized" : "special_renormalized_rest", { words });
}

function noteOfView(scene) {
  const { state, say, over, nameOf } = scene;
  if (state.view === "steps") return branchOf(state).caption.map(nameOf).join(" · ");
  if (state.view === "heads") {
    const axes = say(SIDES > 1 ? "axes_settings" : "axes_heads");
    const [rows, columns] = data.small.steps;
    return data.small.step > 1 ? `${axes} · ${say("pooled", { rows, columns })}` : axes;
  }
  if (state.view === "words") {
    const isMean = state.word === null && state.other === null;
    const starts = !over && startsAtEven(scene, scene.sheets[0]);
    return [isMean ? say("received") : "", starts ? say("words_even") : ""].filter(Boolean).join(" · ");
  }
  if (state.view === "arcs") return arcsNote(scene);
  if (state.view === "patches") return say(state.word === null ? "patches_received" : "patches_note");
  return over ? `${scene.nameOf(data.axes)} · ${say("over_cells")}` : scene.nameOf(data.axes);
}

/** Return the caption: the settings that the weights were computed with, and what a row is as it is shown. */
export function captionOf({ state, nameOf, say }) {
  const parts = data.captions[Math.min(state.layer, data.captions.length - 1)].map(nameOf);
  if (state.special === "keep") return parts.join(" · ");
  const kept = parts.filter((_, at) => !data.hideable.sums.includes(at));
  return [...kept, say(state.special === "hide" ? "rows_hidden" : "rows_whole")].join(" · ");
}

/** Return how exact the numbers are. */
export function precisionOf({ state, say }) {
  return say(data.precision === "rounded" && state.special !== "keep" ? "rounded_hidden" : data.precision);
}

/** Return the text that stands for the picture where it cannot be seen. */
export function pictureLabel(scene) {
  const { state, say } = scene;
  const fields = {
    title: titleOf(scene) || say("nameless"), rows: ROWS, columns: COLUMNS,
    layers: data.layers.length, heads: data.heads.length,
  };
  const kind = ["words", "steps"].includes(state.view) ? "matrix" : state.view;
  const row = kind === "heads" || state.word === null ? "" : ` ${readoutOfRow(scene, state.word)}`;
  return say(`picture_${kind}`, fields) + row;
}

/** Fill in the texts around the view. @param {Scene} scene */
export function showDescriptions(scene) {
  const { state, nameOf } = scene;
  byId("heading").textContent = headingOf(scene);
  showReadout(scene);
  byId("texts").hidden = ["arcs", "heads", "patches"].includes(state.view);
  byId("note").textContent = noteOf(scene);
  byId("caption").textContent = captionOf(scene);
  byId("precision").textContent = precisionOf(scene);
  const notes = data.notes[Math.min(state.layer, data.notes.length - 1)].map(nameOf);
  const verdict = byId("verdict");
  verdict.hidden = SIDES === 1;
  verdict.textContent = SIDES === 1 ? "" : notes[0];
  byId("notes").replaceChildren(...notes.slice(SIDES === 1 ? 0 : 1).map((text) => make("li", { text })));
  byId("canvas").setAttribute("aria-label", pictureLabel(scene));
}
