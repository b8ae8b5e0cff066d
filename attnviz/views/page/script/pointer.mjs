// The pointer: what lies under it is shown until it leaves, and a click keeps it.

import { byId } from "./dom.mjs";
import { VIEWS } from "./views.mjs";

/** @typedef {import("./page.mjs").Page} Page */

/** Connect the pointer, and the focus of words, which is shown as if it was pointed at. @param {Page} page */
export function listenToPointer(page) {
  const canvas = byId("canvas");
  canvas.addEventListener("pointermove", (event) => page.hoverOver(targetOnCanvas(page, event)));
  canvas.addEventListener("pointerleave", () => page.hoverOver(null));
  canvas.addEventListener("click", (event) => clickOnCanvas(page, event));
  const texts = byId("texts");
  texts.addEventListener("pointerover", (event) => pointOnWord(page, event));
  texts.addEventListener("pointerleave", () => page.hoverOver(null));
  texts.addEventListener("focusin", (event) => pointOnWord(page, event));
  texts.addEventListener("focusout", () => page.hoverOver(null));
  texts.addEventListener("click", (event) => clickOnWord(page, event));
}

/** Return what is under the pointer. @returns {import("./scene.mjs").Hover} */
function targetOnCanvas({ layout }, event) {
  if (!layout) return null;
  const frame = byId("frame");
  const box = byId("canvas").getBoundingClientRect();
  const x = event.clientX - box.left + frame.scrollLeft;
  const y = event.clientY - box.top + frame.scrollTop;
  return VIEWS[layout.view].hit(layout.plan, x, y);
}

function clickOnCanvas(page, event) {
  const target = targetOnCanvas(page, event);
  if (!target) page.change({ word: null, other: null });
  else if ("layer" in target) page.openMap(target.layer, target.head);
  else page.change({ word: target.row, other: target.column });
  page.announce();
}

/** Return the axis and index of the word that an event is at, or null. */
function wordOf(page, event) {
  const element = event.target.closest ? event.target.closest(".word") : null;
  return element && { axis: page.strips[element.dataset.strip].axis, word: Number(element.dataset.word) };
}

function pointOnWord(page, event) {
  const target = wordOf(page, event);
  if (target && target.axis === "column") page.hoverOver({ row: null, column: target.word });
  else if (target) page.hoverOver({ row: target.word, column: null });
  else if (event.type === "pointerover") page.hoverOver(null);
}

/** Choose a word; choose none if it was chosen already. */
function clickOnWord(page, event) {
  const target = wordOf(page, event);
  if (!target) return;
  const isColumn = target.axis === "column";
  if (target.word !== (isColumn ? page.state.other : page.state.word)) page.chooseWord(target.axis, target.word);
  else page.change(isColumn ? { other: null } : { word: null, other: null });
  page.announce();
}
