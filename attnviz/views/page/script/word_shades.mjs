// The shade of each word in the view of words.

import { colorAt, inkAt, scaleEnd, shadeOf } from "./colors.mjs";
import { IS_CROSS, data } from "./data.mjs";
import { largestSize, logFloor } from "./numbers.mjs";
import { cellText, columnMeans, isForbidden, isHidden, isRemoved, isUnseen, meanText, valueAt } from "./sheets.mjs";

/**
 * @typedef {{colour: string, ink: string, number: string}|null|undefined} Shade the colour of a word, of its text, and
 *   its number; null: forbidden; undefined: no shade
 */

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

function shadeOfCell({ state, threshold }, sheet, row, column) {
  if (isForbidden(sheet, row, column)) return null;
  if (isHidden(sheet, row, column, threshold)) return undefined;
  const shade = shadeOf(sheet.side, state.colours, scaleEnd(sheet, row, state.colours), valueAt(sheet, row, column));
  return colored(sheet.side, shade, cellText(sheet, row, column));
}

function shadesOfMeans({ state }, sheet) {
  const means = columnMeans(sheet);
  const high = largestSize(means.filter((_, column) => !isRemoved(sheet, column)));
  const floor = logFloor(means, high);
  return Array.from(means, (value, column) => {
    if (isUnseen(sheet, column)) return null;
    if (isRemoved(sheet, column)) return undefined;
    return colored(sheet.side, shadeOf(sheet.side, state.colours, high, value, floor), meanText(sheet, value));
  });
}

function colored(side, shade, number) {
  return { colour: colorAt(side, shade), ink: inkAt(side, shade), number };
}
