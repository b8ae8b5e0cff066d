// The search for words among the labels of rows and columns.

import { data } from "./data.mjs";

/**
 * @typedef {{lists: {row: number[], column: number[]}, row: Set<number>, column: Set<number>}} Found the matching
 *   words of each axis, as lists in order and as sets
 */

/** Return the words that contain the text, whatever their case. @returns {Found} */
export function findWords(text) {
  const wanted = text.trim().toLocaleLowerCase();
  const matching = (labels) => (
    wanted ? labels.flatMap((label, at) => (label.toLocaleLowerCase().includes(wanted) ? [at] : [])) : []
  );
  const lists = { row: matching(data.rows), column: matching(data.columns) };
  return { lists, row: new Set(lists.row), column: new Set(lists.column) };
}

/** Return whether anything was found. */
export function hasFound({ lists }) {
  return lists.row.length > 0 || lists.column.length > 0;
}

/** Return the list to step through, the rows where they match, and where the chosen word stands in it. */
function matchesOf(found, state) {
  const useRows = found.lists.row.length > 0;
  return { useRows, list: useRows ? found.lists.row : found.lists.column, chosen: useRows ? state.word : state.other };
}

/** Return the change of state that chooses the next match after the chosen word, or null if there is none. */
export function nextMatch(found, state) {
  const { useRows, list, chosen } = matchesOf(found, state);
  if (!list.length) return null;
  const next = list.find((word) => chosen !== null && word > chosen) ?? list[0];
  return useRows ? { word: next } : { other: next };
}

/** Return what is said beside the search field: which match is chosen, of how many. */
export function searchStatus(found, state, say) {
  if (!state.find.trim()) return "";
  const { list, chosen } = matchesOf(found, state);
  if (!list.length) return say("found_none");
  return say("found", { place: list.indexOf(chosen) + 1, count: list.length });
}
