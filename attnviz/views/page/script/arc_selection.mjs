// Which arcs are drawn: all of a word's, or the strongest of every word.

import { COLUMNS, ROWS } from "./data.mjs";
import { isForbidden, isHidden, valueAt } from "./sheets.mjs";

/** @typedef {{row: number, column: number, value: number}} Arc */

/** Each row's strongest arcs are drawn until they hold this share of its sum. */
export const SHARE = 0.7;
const MOST_ARCS = 600;

/**
 * Return the arcs to draw, the strongest last: all of the chosen word's, else each word's strongest.
 *
 * @param {import("./scene.mjs").Scene} scene
 * @param {import("./sheets.mjs").Sheet} sheet
 * @returns {Arc[]}
 */
export function arcsOf({ row, column, threshold }, sheet) {
  if (row !== null) return arcsFrom(sheet, row, threshold);
  if (column !== null) return arcsTo(sheet, column, threshold);
  if (!sheet.strongest || sheet.strongest.key !== threshold) {
    sheet.strongest = { key: threshold, arcs: strongestArcs(sheet, threshold) };
  }
  return sheet.strongest.arcs;
}

/** Return whether a cell has an arc: it is not 0, not forbidden and not hidden. */
function isArc(sheet, row, column, threshold) {
  return valueAt(sheet, row, column) !== 0 && !isForbidden(sheet, row, column)
    && !isHidden(sheet, row, column, threshold);
}

function arcsFrom(sheet, row, threshold) {
  const arcs = [];
  for (let column = 0; column < COLUMNS; column += 1) {
    if (isArc(sheet, row, column, threshold)) arcs.push({ row, column, value: valueAt(sheet, row, column) });
  }
  return sortBySize(arcs);
}

function arcsTo(sheet, column, threshold) {
  const arcs = [];
  for (let row = 0; row < ROWS; row += 1) {
    if (isArc(sheet, row, column, threshold)) arcs.push({ row, column, value: valueAt(sheet, row, column) });
  }
  return sortBySize(arcs);
}

function sortBySize(arcs) {
  return arcs.sort((a, b) => Math.abs(a.value) - Math.abs(b.value));
}

/** Return each row's strongest arcs up to SHARE of its sum, and of all these the strongest MOST_ARCS. */
function strongestArcs(sheet, threshold) {
  const { leasts, least } = leastSizes(sheet, threshold);
  const arcs = [];
  for (let row = 0; row < ROWS; row += 1) {
    const limit = Math.max(leasts[row], least);
    for (let column = 0; column < COLUMNS; column += 1) {
      const value = valueAt(sheet, row, column);
      if (Math.abs(value) >= limit && isArc(sheet, row, column, threshold)) arcs.push({ row, column, value });
    }
  }
  return sortBySize(arcs).slice(-MOST_ARCS);
}

/** Return the smallest size that is drawn, in each row by its share and in all rows by their number. */
function leastSizes(sheet, threshold) {
  const sizes = new Float64Array(ROWS * COLUMNS);
  const leasts = new Float64Array(ROWS);
  let count = 0;
  for (let row = 0; row < ROWS; row += 1) {
    const start = count;
    for (let column = 0; column < COLUMNS; column += 1) {
      if (isArc(sheet, row, column, threshold)) sizes[count++] = Math.abs(valueAt(sheet, row, column));
    }
    const own = sizes.subarray(start, count).sort();
    leasts[row] = leastOfShare(own, SHARE);
    const first = own.findIndex((size) => size >= leasts[row]);
    sizes.copyWithin(start, start + Math.max(first, 0), count);
    count -= Math.max(first, 0);
  }
  const kept = sizes.subarray(0, count).sort();
  return { leasts, least: count > MOST_ARCS ? kept[count - MOST_ARCS] : 0 };
}

/** Return the smallest of the largest numbers that together are a share of the sum; `sorted` is in ascending order. */
function leastOfShare(sorted, share) {
  const wanted = share * sorted.reduce((sum, size) => sum + size, 0);
  let mass = 0;
  let at = sorted.length;
  while (at > 0 && mass < wanted) mass += sorted[(at -= 1)];
  return sorted[at] ?? 0;
}
