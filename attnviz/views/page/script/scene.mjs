// The scene: all that a function needs to draw or to describe what the page shows now.

import { thresholdOf } from "./colors.mjs";
import { speechIn } from "./sentences.mjs";

/**
 * @typedef {{layer: number, head: number, side: number}|{row: ?number, column: ?number, side?: number}|null} Hover what
 *   the pointer is at: a map of the overview, or a cell, a row or a column
 *
 * @typedef {object} Scene
 * @property {import("./state.mjs").State} state
 * @property {Hover} hover
 * @property {?number} row the row that is pointed at, else the chosen one
 * @property {?number} column the column that is pointed at, else the chosen one
 * @property {number} threshold numbers below it are hidden
 * @property {import("./sheets.mjs").Sheet[]} sheets of the chosen layer and head, one a side
 * @property {?import("./overlay.mjs").Layered[]} over the heads over each other; null: one head
 * @property {?import("./sheets.mjs").SmallMaps} small
 * @property {?import("./terms.mjs").Terms} terms
 * @property {?Float64Array} shares of the steps of the chosen branch
 * @property {import("./search.mjs").Found} found
 * @property {Object<string, string>} theme the colours of the page's style sheet by name
 * @property {function} say @see import("./sentences.mjs").Speech
 * @property {function} nameOf
 * @property {function} titleOf
 * @property {function} headName
 */

/** Make a scene. @returns {Scene} */
export function makeScene({ state, hover, sheets, over, small, terms, shares, found, theme }) {
  return {
    state, hover, sheets, over, small, terms, shares, found, theme,
    row: hover && "row" in hover ? hover.row : state.word,
    column: hover && "column" in hover ? hover.column : state.other,
    threshold: thresholdOf(state),
    ...speechIn(state.lang),
  };
}
