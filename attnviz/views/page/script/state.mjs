// The state of the page: what the reader chose. It is kept in the hash of the address, so that a link restores a view.

import { COLUMNS, ROWS, SIDES, data } from "./data.mjs";
import { isOverlay } from "./overlay.mjs";
import { BRANCHES, MOST_STEPS, withinBranch } from "./steps.mjs";

/**
 * @typedef {object} State never changed in place
 * @property {"steps"|"patches"|"matrix"|"arcs"|"words"|"heads"} view
 * @property {number} layer index in data.layers
 * @property {number} head index in data.heads
 * @property {string} over the heads that are shown over each other (overlay.mjs); "": one head
 * @property {?number} word the chosen row
 * @property {?number} other the chosen column
 * @property {number} least position of the slider that hides small numbers, 0 to 100
 * @property {string} find the words searched for
 * @property {"all"|"head"|"row"|"log"} colours
 * @property {"keep"|"hide"|"renormalize"} special what is done with the columns of special tokens and sinks
 * @property {number} zoom
 * @property {number} branch of a continuation
 * @property {number} step of the branch
 * @property {"slow"|"normal"|"fast"} speed at which the steps are played
 * @property {"text"|"weight"} order of the tables
 * @property {?("light"|"dark")} theme null: as the system has it
 * @property {"en"|"zh"} lang
 */

/** Return the colouring that the page opens with: that of the command, or one that shows small numbers too. */
function colouring() {
  if (data.spread !== "global") return data.spread;
  if (data.patches) return "row";
  return data.sheets.length > 8 * SIDES ? "head" : "all";
}

/** @type {State} */
const FIRST = {
  view: data.view, layer: data.start[0], head: data.start[1], over: "", word: null, other: null, least: 0, find: "",
  colours: colouring(), special: "keep",
  zoom: 0, branch: 0, step: 0, speed: matchMedia("(prefers-reduced-motion: reduce)").matches ? "slow" : "normal",
  order: Math.max(ROWS, COLUMNS) <= 16 ? "text" : "weight", theme: null, lang: data.language,
};

/** The least and the largest value of each number of the state. */
export const RANGES = {
  layer: [0, data.layers.length - 1], head: [0, data.heads.length - 1], word: [0, ROWS - 1], other: [0, COLUMNS - 1],
  least: [0, 100], zoom: [-8, 12], branch: [0, Math.max(0, BRANCHES - 1)],
  step: [0, Math.max(0, MOST_STEPS - 1)],
};

/** The values of each choice of the state. */
export const CHOICES = {
  special: data.hideable.columns.length ? ["keep", "hide", "renormalize"] : ["keep"],
  view: [...(BRANCHES ? ["steps"] : []), ...(data.patches ? ["patches"] : []), "matrix", "arcs", "words", "heads"],
  speed: ["slow", "normal", "fast"], colours: ["all", "head", "row", "log"], order: ["text", "weight"],
  theme: ["light", "dark"], lang: ["en", "zh"],
};

/** Read the state from the address; an invalid value in it is ignored. @returns {State} */
export function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const next = { ...FIRST };
  for (const [name, value] of given) {
    if (Object.hasOwn(RANGES, name) && /^-?\d+$/.test(value)) {
      const [low, high] = RANGES[name];
      if (Number(value) >= low && Number(value) <= high) next[name] = Number(value);
    } else if (Object.hasOwn(CHOICES, name) && CHOICES[name].includes(value)) next[name] = value;
    else if (name === "over" && isOverlay(value)) next.over = value;
    else if (name === "find") next.find = value.slice(0, 200);
  }
  if (next.view === "heads" && data.sheets.length === SIDES) next.view = "matrix";
  return withinBranch(next);
}

/** Write what differs from the first state into the address. */
export function writeState(state) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value !== FIRST[name] && value !== null) parts.set(name, value);
  }
  if (location.hash.slice(1) === parts.toString()) return;
  try {
    history.replaceState(null, "", parts.size ? `#${parts}` : location.pathname + location.search);
  } catch (error) {
    if (error.name !== "SecurityError") throw error; // inside a notebook's frame, which has no address of its own
  }
}
