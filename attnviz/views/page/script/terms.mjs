// How a weight comes about: the steps of its score, as `explain` writes them, where a page has them.

import { data } from "./data.mjs";
import { make } from "./dom.mjs";
import { isForbidden, isRemoved } from "./sheets.mjs";

/**
 * @typedef {[number, number, number[], string[], string]} Step its title, its formula and sentences, as indices of
 *   texts; a line for each column ("" without one), and a line of the whole row; {3} in a line stands for a text
 * @typedef {{texts: string[][], sheets: (?Step[][])[]}} Terms texts in each language; for each sheet null, or for each
 *   row its steps
 */

/** The languages in the order in which the steps stand. */
const LANGUAGES = ["en", "zh"];

/** Build the steps of the chosen cell; null where none is chosen, or they are not known. */
export function buildTerms({ state, sheets, terms, over, say }) {
  const { word, other } = state;
  const rows = terms && !over && word !== null && other !== null ? terms.sheets[sheets[0].index] : null;
  if (!rows) return null;
  const isOff = isForbidden(sheets[0], word, other);
  // Of the mask there are sentences alone: they are about cells that it forbids.
  const items = rows[word].filter(([, , words, cells]) => cells[other] || (isOff && words.length))
    .map(buildStep(other, state.lang, (index) => terms.texts[index][LANGUAGES.indexOf(state.lang)]));
  const isChanged = state.special === "renormalize" || isRemoved(sheets[0], other);
  return make("section", { className: "terms" },
    make("h3", { text: say(isOff ? "says_forbidden" : "terms", { query: data.rows[word], key: data.columns[other] }) }),
    ...(isChanged ? [make("p", { className: "why", text: say("terms_special") })] : []),
    make("ol", {}, ...items));
}

/** Return a function that builds a step of the cell in a column. */
function buildStep(column, lang, textOf) {
  const write = (line) => withoutZeros(line, lang).replace(/\{(\d+)\}/g, (_, index) => textOf(Number(index)));
  return ([title, formula, words, cells, whole]) => make("li", {},
    make("p", {}, make("b", { text: textOf(title) }), " ",
      make("span", { className: "formula", text: textOf(formula) })),
    ...[cells[column], whole].filter(Boolean).map((line) => make("p", { className: "line", text: write(line) })),
    ...words.map((index) => make("p", { className: "why", text: textOf(index) })));
}

/** Return a line as English writes its numbers, .5 for 0.5; as it is in Chinese. */
function withoutZeros(line, lang) {
  return lang === "en" ? line.replace(/(^|[^\d.])0\.(?=\d)/g, "$1.") : line;
}
