// Which arcs are drawn, and how strong: a weight's by what exceeds the even share of its row, a change's by its size.

import { scaleEnd } from "./colors.mjs";
import { COLUMNS, ROWS } from "./data.mjs";
import { isForbidden, isHidden, isRemoved, scaleOf, valueAt } from "./sheets.mjs";

/** @typedef {{row: number, column: number, value: number, share: number}} Arc `share`: from 0, nothing, to 1 */

/** Whether a text is so long that only the chosen word's arcs can be read. */
export const IS_LONG = Math.max(ROWS, COLUMNS) > 20;
const MOST_ARCS = 600;
/** Of a weight: what differs by less is the same. */
const SAME = 1e-6;

/**
 * Return the arcs to draw, the strongest last: the chosen word's, else of a text that is not long those of every word.
 *
 * @param {import("./scene.mjs").Scene} scene
 * @param {import("./sheets.mjs").Sheet} sheet
 * @returns {Arc[]}
 */
export function arcsOf({ row, column, threshold, state }, sheet) {
  if (row === null && column === null && IS_LONG) return [];
  const key = [row, row === null ? column : null, threshold, state.colours].join(" ");
  if (!sheet.arcs || sheet.arcs.key !== key) {
    const arcs = [];
    const evens = evenShares(sheet);
    for (let from = row ?? 0; from < (row === null ? ROWS : row + 1); from += 1) {
      const end = scaleEnd(sheet, from, state.colours);
      for (let to = 0; to < COLUMNS; to += 1) {
        if ((row === null && column !== null && to !== column) || isForbidden(sheet, from, to)) continue;
        const share = isHidden(sheet, from, to, threshold) ? 0 : excess(valueAt(sheet, from, to), evens[from], end);
        if (share > 0) arcs.push({ row: from, column: to, value: valueAt(sheet, from, to), share });
      }
    }
    arcs.sort((a, b) => a.share - b.share);
    sheet.arcs = { key, arcs: arcs.slice(-MOST_ARCS) };
  }
  return sheet.arcs.arcs;
}

/** Return how many arcs there could be: one for each cell that is neither forbidden nor hidden. */
export function countPossible(sheet) {
  let count = 0;
  for (let row = 0; row < ROWS; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1) {
      if (!isForbidden(sheet, row, column) && !isRemoved(sheet, column)) count += 1;
    }
  }
  return count;
}

/** Return how far a number exceeds the even share: 0 there and below, 1 at the end of the scale. */
function excess(value, even, end) {
  const beyond = Math.abs(value) - even;
  return beyond > (even ? SAME : 0) ? Math.min(1, beyond / Math.max(end - even, 1e-9)) : 0;
}

/** Return what each word would get of a row if all that it may look at got the same [ROWS]; 0 of changes. */
export function evenShares(sheet) {
  if (sheet.evens) return sheet.evens;
  sheet.evens = new Float64Array(ROWS);
  for (let row = 0; row < ROWS && !scaleOf(sheet.side).diverging; row += 1) {
    let [sum, count] = [0, 0];
    for (let column = 0; column < COLUMNS; column += 1) {
      if (isForbidden(sheet, row, column) || isRemoved(sheet, column)) continue;
      sum += valueAt(sheet, row, column);
      count += 1;
    }
    sheet.evens[row] = sum / (count || 1);
  }
  return sheet.evens;
}
