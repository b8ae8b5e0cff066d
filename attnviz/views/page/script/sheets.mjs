// Sheets: the weight matrix of one layer, head and side, decoded when it is first shown.

import { STEPS, readMask, readNumbers, unpack } from "./blocks.mjs";
import { COLUMNS, ROWS, blockText, data, sheetIndex } from "./data.mjs";
import { certainDigits, formatNumber } from "./numbers.mjs";

/**
 * @typedef {object} Sheet
 * @property {number} index its index in data.sheets
 * @property {number} side its index in data.sides
 * @property {string} kind how it was encoded
 * @property {Float32Array|Float64Array} values [ROWS * COLUMNS], row by row
 * @property {?Float32Array} largest [ROWS] the largest number of each row, of a rounded sheet
 * @property {?Float32Array|Float64Array} means [COLUMNS] kept by columnMeans
 * @property {?Uint8Array} forbidden [ROWS * COLUMNS] 1 where attending is forbidden; null: nowhere
 * @property {Float64Array} rowReach [ROWS] the largest absolute number of each row
 * @property {boolean} [isPartial] whether the hideable columns are hidden
 * @property {number} [high] the largest number in the other columns of all sheets
 * @property {Object<string, Sheet>} [partial] the sheets that withoutSpecial has made of it
 * @property {{key: string, bytes: Uint8ClampedArray}} [pixels] kept by the heatmap
 * @property {Float64Array} [evens] [ROWS] the even share of each row, kept by the arcs
 * @property {{key: string, arcs: object[]}} [arcs] kept by the arcs
 *
 * @typedef {{bytes: Uint8Array, pictures: Map<string, HTMLCanvasElement>}} SmallMaps the pooled maps of all sheets one
 *   after another, one byte a cell, and those that have been coloured
 */

const MOST_OPEN = 48;

/** Decodes sheets on demand and keeps the most recent ones. */
export class SheetStore {
  constructor() {
    /** @type {Map<number, Promise<Sheet>>} the least recently used first */
    this.opened = new Map();
    this.masks = new Map();
    /** @type {?SmallMaps} null until openSmallMaps has resolved */
    this.small = null;
    /** @type {?import("./terms.mjs").Terms} null until openTerms has resolved */
    this.terms = null;
    /** @type {Float64Array[]} the shares [steps * words] of each branch that openShares has opened */
    this.shares = [];
  }

  /** Open the sheets of a layer and head, one a side. */
  openSheets(layer, head) {
    return Promise.all(data.sides.map((_, side) => this.openSheet(sheetIndex(layer, head, side), side)));
  }

  openSheet(index, side) {
    const known = this.opened.get(index);
    this.opened.delete(index);
    const sheet = known || this.readSheet(index, side);
    this.opened.set(index, sheet);
    if (this.opened.size > MOST_OPEN) this.opened.delete(this.opened.keys().next().value);
    return sheet;
  }

  async readSheet(index, side) {
    const { kind, mask } = data.sheets[index];
    const { values, largest, means } = readNumbers(kind, await unpack(blockText(index)), ROWS, COLUMNS);
    const forbidden = mask < 0 ? null : await this.openMask(mask);
    return { index, side, kind, values, largest, means, forbidden, rowReach: reachOfRows(values) };
  }

  openMask(block) {
    if (!this.masks.has(block)) {
      this.masks.set(block, unpack(blockText(block)).then((bytes) => readMask(bytes, ROWS * COLUMNS)));
    }
    return this.masks.get(block);
  }

  /** Open how each weight comes about, once, where the page has it. */
  async openTerms() {
    if (data.terms < 0) return;
    this.terms ??= JSON.parse(new TextDecoder().decode(await unpack(blockText(data.terms))));
  }

  /** Open what the steps of a branch attended to, once. */
  async openShares(branch) {
    if (this.shares[branch]) return;
    const { block, kind, steps, words } = data.played[branch];
    this.shares[branch] = readNumbers(kind, await unpack(blockText(block)), steps.length, words.length).values;
  }

  /** Open the small maps of all sheets, once. */
  async openSmallMaps() {
    this.small ??= { bytes: new Uint8Array(await unpack(blockText(data.small.block))), pictures: new Map() };
  }
}

const HIDEABLE = new Set(data.hideable.columns);

/**
 * Return the sheet with the columns of special tokens and sinks hidden: their numbers stay, those of the others are as
 * they were ("hide") or make each row's sum 1 ("renormalize"), or its sum 0 where nothing is left.
 */
export function withoutSpecial(sheet, special) {
  if (special === "keep") return sheet;
  sheet.partial ??= {};
  sheet.partial[special] ??= makePartial(sheet, special === "renormalize");
  return sheet.partial[special];
}

function makePartial(sheet, isWhole) {
  const { index, side, kind, forbidden } = sheet;
  const made = { index, side, kind, forbidden, isPartial: true, high: data.hideable.high[isWhole ? 1 : 0] };
  const values = Float64Array.from(sheet.values);
  const largest = sheet.largest && Float32Array.from(sheet.largest);
  for (let row = 0; isWhole && row < ROWS; row += 1) {
    let sum = 0;
    for (let column = 0; column < COLUMNS; column += 1) {
      if (!HIDEABLE.has(column)) sum += values[row * COLUMNS + column];
    }
    for (let column = 0; column < COLUMNS && sum > 0; column += 1) {
      if (!HIDEABLE.has(column)) values[row * COLUMNS + column] /= sum;
    }
    if (largest && sum > 0) largest[row] /= sum;
  }
  return { ...made, values, largest, means: isWhole ? null : sheet.means, rowReach: reachOfRows(values, HIDEABLE) };
}

/** Return whether something is left of each row that may look at anything, where columns are hidden. */
export function hasNoEmptyRow(sheet) {
  return sheet.rowReach.every((reach, row) => reach > 0 || !attends(sheet, row));
}

function attends(sheet, row) {
  for (let column = 0; column < COLUMNS; column += 1) if (!isForbidden(sheet, row, column)) return true;
  return false;
}

/** Return whether a column is hidden as that of a special token or a sink. */
export function isRemoved(sheet, column) {
  return sheet.isPartial === true && HIDEABLE.has(column);
}

function reachOfRows(values, without = new Set()) {
  const reach = new Float64Array(ROWS);
  for (let row = 0, at = 0; row < ROWS; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1, at += 1) {
      if (without.has(column)) continue;
      const size = Math.abs(values[at]);
      if (size > reach[row]) reach[row] = size;
    }
  }
  return reach;
}

/** Return whether the row's word cannot attend to the column's. */
export function isForbidden(sheet, row, column) {
  return sheet.forbidden !== null && sheet.forbidden[row * COLUMNS + column] === 1;
}

/** Return the number of a cell; 0 where it is forbidden. */
export function valueAt(sheet, row, column) {
  return sheet.values[row * COLUMNS + column];
}

/** Return whether a cell is smaller than the threshold below which cells are hidden, or its column is hidden. */
export function isHidden(sheet, row, column, threshold) {
  return Math.abs(valueAt(sheet, row, column)) < threshold || isRemoved(sheet, column);
}

/** Return whether no word may attend to this column. */
export function isUnseen(sheet, column) {
  for (let row = 0; row < ROWS; row += 1) if (!isForbidden(sheet, row, column)) return false;
  return true;
}

/** Return the scale of a side. */
export function scaleOf(side) {
  return data.scales[data.scaleOfSide[side]];
}

/** Format a cell with the digits that are certain; "·" where it is forbidden. */
export function cellText(sheet, row, column) {
  if (isForbidden(sheet, row, column)) return "·";
  const digits = sheet.largest ? certainDigits(sheet.largest[row], STEPS[sheet.kind], data.digits) : data.digits;
  const value = valueAt(sheet, row, column);
  if (sheet.largest && value === 0 && !scaleOf(sheet.side).diverging) return `.${"0".repeat(digits)}`;
  return formatNumber(value, digits, scaleOf(sheet.side).diverging);
}

/** Return the mean of each column [COLUMNS] over the rows that may attend to anything. */
export function columnMeans(sheet) {
  if (sheet.means) return sheet.means;
  const sums = new Float64Array(COLUMNS);
  let rows = 0;
  for (let row = 0, at = 0; row < ROWS; row += 1) {
    let allowed = false;
    for (let column = 0; column < COLUMNS; column += 1, at += 1) {
      sums[column] += sheet.values[at];
      allowed ||= sheet.forbidden === null || sheet.forbidden[at] === 0;
    }
    if (allowed) rows += 1;
  }
  sheet.means = sums.map((sum) => sum / (rows || 1));
  return sheet.means;
}

/** Format a column mean; means are never rounded before. */
export function meanText(sheet, value) {
  return formatNumber(value, data.digits, scaleOf(sheet.side).diverging);
}
