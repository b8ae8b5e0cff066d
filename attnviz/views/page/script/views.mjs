// The views that are drawn. The view of words is none of them: its words are elements (word_strips.mjs).

import { arcs } from "./arcs.mjs";
import { heatmap } from "./heatmap.mjs";
import { overview } from "./overview.mjs";
import { patchMap } from "./patch_map.mjs";

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Rectangle in the pixels of the view
 *
 * @typedef {object} View
 * @property {function(Scene, {width: number, height: number}): Plan} layOut lay the view out in a space
 * @property {function(Scene, Painter, Plan, Rectangle): void} draw draw the part that is seen
 * @property {function(Plan, number, number): Hover} hit return what is at a point
 * @property {function(State, Plan): Rectangle} spot return what must be in sight; labels cover `left` and `top`
 *
 * A Plan has at least a width and a height in pixels; what else is in it is the view's own.
 */

/** @type {Object<string, View>} by state.view */
export const VIEWS = { patches: patchMap, matrix: heatmap, arcs, heads: overview };
