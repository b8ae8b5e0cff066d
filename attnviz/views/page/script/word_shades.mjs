// The shade of each word in the view of words.

import { evenShares } from "./arc_selection.mjs";
import { colorAt, inkAt, scaleEnd, shadeOf } from "./colors.mjs";
import { IS_CROSS, data } from "./data.mjs";
import { largestSize, logFloor } from "./numbers.mjs";
import {
  cellText, columnMeans, isForbidden, isHidden, isRemoved, isUnseen, meanText, scaleOf, valueAt,
} from "./sheets.mjs";

/**
 * @typedef {{colour: string, ink: string, number: string}|null|undefined} Shade the colour of a word, of its text, and
 *   its number; null: forbidden; undefined: hidden. A word below the even share has no colour ("") as in the terminal.
 */

/** What receives the even share but for rounding has its colour. */
const ROUNDING = 1 - 1e-6;

/** Whether words have a colour from the even share on: not changes, and not by ratio, which shows small numbers. */
export function startsAtEven({ state }, sheet) {
  return state.colours !== "log" && !scaleOf(sheet.side).diverging;
}

/**
 * Return the shade of each word of an axis: by what the chosen word attends to, else by what each word receives.
 *
 * @param {import("./scene.mjs").Scene} scene
 * @param {number} side
 * @param {"row"|"column"} axis
 * @returns {Shade[]}
 */
export function shadesOf(scene, side, axis) {
  const sheet = scene.sheets[side];
  const { other } = scene.state;
  if (axis === "row" && IS_CROSS) {
    return data.rows.map((_, row) => (other === null ? undefined : shadeOfCell(scene, sheet, row, other)));
  }
  if (scene.row === null) return shadesOfMeans(scene, sheet);
  return data.columns.map((_, column) => shadeOfCell(scene, sheet, scene.row, column));
}

function shadeOfCell(scene, sheet, row, column) {
  const { state, threshold } = scene;
  if (isForbidden(sheet, row, column)) return null;
  if (isHidden(sheet, row, column, threshold)) return undefined;
  const shade = shadeOf(sheet.side, state.colours, scaleEnd(sheet, row, state.colours), valueAt(sheet, row, column));
  const isBelow = startsAtEven(scene, sheet) && valueAt(sheet, row, column) < ROUNDING * evenShares(sheet)[row];
  return colored(sheet.side, isBelow ? null : shade, cellText(sheet, row, column));
}

function shadesOfMeans(scene, sheet) {
  const { state } = scene;
  const means = columnMeans(sheet);
  const kept = means.filter((_, column) => !isRemoved(sheet, column) && !isUnseen(sheet, column));
  const high = largestSize(kept);
  const floor = logFloor(means, high);
  const even = startsAtEven(scene, sheet) ? ROUNDING * (kept.reduce((sum, mean) => sum + mean, 0) / kept.length) : -1;
  return Array.from(means, (value, column) => {
    if (isUnseen(sheet, column)) return null;
    if (isRemoved(sheet, column)) return undefined;
    const shade = value < even ? null : shadeOf(sheet.side, state.colours, high, value, floor);
    return colored(sheet.side, shade, meanText(sheet, value));
  });
}

function colored(side, shade, number) {
  if (shade === null) return { colour: "", ink: "", number };
  return { colour: colorAt(side, shade), ink: inkAt(side, shade), number };
}
