// Several heads over each other, each in a colour of its own: which are chosen, and how strong each number is.

import { bytesOf, scaleEnd, shadeOf } from "./colors.mjs";
import { IS_CROSS, data } from "./data.mjs";
import { largestSize, logFloor } from "./numbers.mjs";
import { cellText, columnMeans, isForbidden, isHidden, isRemoved, isUnseen, meanText, valueAt } from "./sheets.mjs";

/**
 * @typedef {{head: number, colour: string, sheet: import("./sheets.mjs").Sheet}} Layered a chosen head, its colour
 *   "#rrggbb" and its weights
 * @typedef {{colour: string, strength: number, text: string}} Stripe a number of a head: how strong its colour is, from
 *   0 to 1, and the number as text
 */

/** How many heads may be chosen; 0 where there is one head, and in a comparison, whose colours are those of signs. */
export const MOST_OVER = data.headColours.length;

/** The views that show several heads; the others show one. */
export const CAN_LAYER = new Set(["matrix", "arcs", "words", "heads"]);

/** Return the head of each colour, null where it is free. "0..5": heads 0 and 5 have the first and third colour. */
function slotsOf(over) {
  return over === "" ? [] : over.split(".").map((head) => (head === "" ? null : Number(head)));
}

/** Return the heads that are chosen, each with its colour. @param {string} over */
export function headsOver(over) {
  const slots = slotsOf(over).map((head, slot) => ({ head, colour: data.headColours[slot] }));
  return slots.filter(({ head }) => head !== null);
}

/** Return the colour of a head that is chosen, else undefined. */
export function colourOver(over, head) {
  return headsOver(over).find((each) => each.head === head)?.colour;
}

/** Return whether a text from the address is a choice of heads. */
export function isOverlay(text) {
  if (!MOST_OVER || !/^\d*(\.\d*)*$/.test(text) || slotsOf(text).length > MOST_OVER) return false;
  const heads = headsOver(text).map(({ head }) => head);
  return heads.length > 0 && new Set(heads).size === heads.length && heads.every((head) => head < data.heads.length);
}

/** Return the choice with a head added, in the first free colour, or taken away; "" where none is left. */
export function toggled(over, head) {
  const slots = slotsOf(over);
  const at = slots.indexOf(head);
  const free = slots.includes(null) ? slots.indexOf(null) : slots.length;
  if (at >= 0) slots[at] = null;
  else if (free < MOST_OVER) slots[free] = head;
  while (slots.length && slots.at(-1) === null) slots.pop();
  return slots.map((each) => each ?? "").join(".");
}

/** Return the sheets whose numbers are shown: those of the heads over each other, else one a side. */
export function sheetsShown({ over, sheets }) {
  return over ? over.map(({ sheet }) => sheet) : sheets;
}

/** Return how strong the colour of a cell is, from 0 to 1, on the chosen scale; 0 where the cell is hidden. */
export function strengthOf({ state, threshold }, sheet, row, column) {
  if (isForbidden(sheet, row, column) || isHidden(sheet, row, column, threshold)) return 0;
  const value = valueAt(sheet, row, column);
  return shadeOf(sheet.side, state.colours, scaleEnd(sheet, row, state.colours), value) / 255;
}

/** Return a colour of `strength` over the paper, as bytes. */
export function mixed(paper, colour, strength) {
  const [under, above] = [bytesOf(paper), bytesOf(colour)];
  return under.map((byte, at) => Math.round(byte + strength * (above[at] - byte)));
}

/**
 * Return the stripes of each word of an axis, one a head: of what the chosen word gives it, else of what it receives;
 * null: forbidden.
 *
 * @returns {(?Stripe[])[]}
 */
export function stripesOf(scene, axis) {
  const { over, row, state } = scene;
  if (axis === "row" && IS_CROSS) {
    return data.rows.map((_, word) => (state.other === null ? [] : stripesOfCell(scene, word, state.other)));
  }
  if (row !== null) return data.columns.map((_, word) => stripesOfCell(scene, row, word));
  const received = over.map(({ sheet }) => strengthsOfMeans(scene, sheet));
  return data.columns.map((_, word) => (over.every(({ sheet }) => isUnseen(sheet, word)) ? null
    : over.map(({ colour, sheet }, at) => (
      { colour, strength: received[at][word], text: meanText(sheet, columnMeans(sheet)[word]) }
    ))));
}

function stripesOfCell(scene, row, column) {
  if (scene.over.every(({ sheet }) => isForbidden(sheet, row, column))) return null;
  return scene.over.map(({ colour, sheet }) => (
    { colour, strength: strengthOf(scene, sheet, row, column), text: cellText(sheet, row, column) }
  ));
}

function strengthsOfMeans({ state }, sheet) {
  const means = columnMeans(sheet);
  const high = largestSize(means.filter((_, column) => !isRemoved(sheet, column)));
  const floor = logFloor(means, high);
  return Array.from(means, (value, column) => (
    isRemoved(sheet, column) ? 0 : shadeOf(sheet.side, state.colours, high, value, floor) / 255
  ));
}

/** Return what each head says, after its name. @param {function(Layered): string} textOf */
export function eachHead({ over, headName }, textOf) {
  return over.map((layered) => `${headName(layered.head)} ${textOf(layered)}`).join(" · ");
}
