// How a weight comes about: the steps of its score, as `explain` writes them, where a page has them.

import { data } from "./data.mjs";
import { make } from "./dom.mjs";
import { isForbidden, isRemoved } from "./sheets.mjs";

/**
 * @typedef {[string, string, string[], string[], string]} Step its title, its formula, sentences, a line for each
 *   column ("" without one), and a line of the whole row
 * @typedef {(?Step[][][])[]} Terms for each sheet null, or for each row and language its steps
 */

/** The languages in the order in which the steps stand. */
const LANGUAGES = ["en", "zh"];

/** Build the steps of the chosen cell; null where none is chosen, or they are not known. */
export function buildTerms({ state, sheets, terms, over, say }) {
  const { word, other } = state;
  const rows = terms && !over && word !== null && other !== null ? terms[sheets[0].index] : null;
  if (!rows) return null;
  const steps = rows[word][LANGUAGES.indexOf(state.lang)];
  const isOff = isForbidden(sheets[0], word, other);
  // Of the mask there are sentences alone: they are about cells that it forbids.
  const items = steps.filter(([, , words, cells]) => cells[other] || (isOff && words.length)).map(buildStep(other));
  const isChanged = state.special === "renormalize" || isRemoved(sheets[0], other);
  return make("section", { className: "terms" },
    make("h3", { text: say(isOff ? "says_forbidden" : "terms", { query: data.rows[word], key: data.columns[other] }) }),
    ...(isChanged ? [make("p", { className: "why", text: say("terms_special") })] : []),
    make("ol", {}, ...items));
}

/** Return a function that builds a step of the cell in a column. */
function buildStep(column) {
  return ([title, formula, words, cells, whole]) => make("li", {},
    make("p", {}, make("b", { text: title }), " ", make("span", { className: "formula", text: formula })),
    ...[cells[column], whole].filter(Boolean).map((text) => make("p", { className: "line", text })),
    ...words.map((text) => make("p", { className: "why", text })));
}
