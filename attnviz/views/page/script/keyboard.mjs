// The keyboard: what keys do on the tabs, the view, the words, and anywhere.

import { COLUMNS, ROWS, data } from "./data.mjs";
import { byId } from "./dom.mjs";
import { movedPatch } from "./patch_map.mjs";
import { pressOnPlayer } from "./player.mjs";
import { directionOfText } from "./text_layout.mjs";

/**
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("./word_strips.mjs").Strip} Strip
 */

/** Arrow keys as steps [down, right]. */
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Return the step in a text that an arrow key takes: to the left it goes on where the text is read that way. */
function alongText(text, labels, [down, right]) {
  return down || (directionOfText(text.words.map((word) => labels[word])) === "rtl" ? -right : right);
}

/** Connect the keys. @param {Page} page */
export function listenToKeys(page) {
  byId("views").addEventListener("keydown", moveTab);
  document.addEventListener("keydown", (event) => pressAnywhere(page, event));
  byId("frame").addEventListener("keydown", (event) => pressOnFrame(page, event));
  byId("texts").addEventListener("keydown", (event) => pressOnWord(page, event));
  byId("panel").addEventListener("keydown", (event) => pressOnSteps(page, event));
}

/** In the view of steps, keys that no button, slider or list takes for itself. */
function pressOnSteps(page, event) {
  const isControl = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  const takesSpace = event.target instanceof HTMLButtonElement && event.key === " ";
  if (page.state.view !== "steps" || hasModifier(event) || event.shiftKey || isControl || takesSpace) return;
  if (pressOnPlayer(page.player, event)) event.preventDefault();
}

function hasModifier(event) {
  return event.ctrlKey || event.altKey || event.metaKey;
}

function moveTab(event) {
  const tabs = [...byId("views").children];
  const ends = { Home: 0, End: tabs.length - 1 };
  const by = ARROWS[event.key] ? ARROWS[event.key][0] + ARROWS[event.key][1] : 0;
  if (event.shiftKey || (!by && !(event.key in ends))) return;
  const at = tabs.indexOf(document.activeElement);
  const next = tabs[event.key in ends ? ends[event.key] : (at + by + tabs.length) % tabs.length];
  event.preventDefault();
  next.focus();
  next.click();
}

/** Shift and an arrow choose another head or layer, except in a field. */
function pressAnywhere(page, event) {
  const arrow = ARROWS[event.key];
  const inField = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (!arrow || !event.shiftKey || hasModifier(event) || inField) return;
  event.preventDefault();
  if (arrow[1] && data.heads.length > 1) page.step("head", arrow[1]);
  if (arrow[0] && data.layers.length > 1) page.step("layer", arrow[0]);
  page.announce();
}

function pressOnFrame(page, event) {
  if (hasModifier(event) || (event.shiftKey && event.key !== "+")) return;
  const { state } = page;
  const arrow = ARROWS[event.key];
  const acts = {
    "+": () => page.zoomBy(1), "=": () => page.zoomBy(1), "-": () => page.zoomBy(-1),
    0: () => page.change({ zoom: 0 }), Escape: () => page.change({ word: null, other: null }),
    Enter: () => state.view === "heads" && page.openMap(state.layer, state.head),
    Home: () => page.change(movedBy(state, [-Infinity, -Infinity])),
    End: () => page.change(movedBy(state, [Infinity, Infinity])),
  };
  if (arrow) page.change(movedBy(state, arrow));
  else if (event.key in acts) acts[event.key]();
  else return;
  event.preventDefault();
  page.announce();
}

/** Return the change of state of a step: between cells in the heatmap, maps in the overview, words elsewhere. */
function movedBy({ view, layer, head, word, other }, [down, right]) {
  if (view === "heads") {
    return { layer: moved(layer, down, data.layers.length), head: moved(head, right, data.heads.length) };
  }
  if (view === "patches") return { word: movedPatch(word, [down, right]), other: null };
  if (view !== "matrix") {
    return { word: moved(word, alongText(data.texts[data.rowTexts[0]], data.rows, [down, right]), ROWS), other: null };
  }
  const patch = {};
  if (down) patch.word = moved(word, down, ROWS);
  if (right) patch.other = moved(other, right, COLUMNS);
  return patch;
}

/** Move an index by a step, within 0 to count - 1. From null every step leads to the first, Infinity to the last. */
function moved(index, by, count) {
  if (index === null) return by === Infinity ? count - 1 : 0;
  return Math.max(0, Math.min(count - 1, index + by));
}

function pressOnWord(page, event) {
  const element = event.target.closest(".word");
  if (!element || hasModifier(event) || event.shiftKey) return;
  const strip = page.strips[element.dataset.strip];
  const order = data.texts[strip.text].words;
  const at = order.indexOf(Number(element.dataset.word));
  const targets = { Home: 0, End: order.length - 1 };
  const arrow = ARROWS[event.key];
  if (event.key === "Enter" || event.key === " ") page.chooseWord(strip.axis, order[at]);
  else if (event.key === "Escape") page.change(strip.axis === "column" ? { other: null } : { word: null });
  else if (arrow || event.key in targets) {
    const labels = strip.axis === "column" ? data.columns : data.rows;
    const next = arrow ? moved(at, alongText(data.texts[strip.text], labels, arrow), order.length) : targets[event.key];
    page.chooseWord(strip.axis, order[next]);
    strip.words[order[next]].focus();
  } else return;
  event.preventDefault();
  page.announce();
}
