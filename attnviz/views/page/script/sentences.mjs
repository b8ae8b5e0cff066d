// Sentences of the page in the chosen language.

import { data } from "./data.mjs";
import { isolated } from "./text_measure.mjs";

/**
 * @typedef {object} Speech
 * @property {function(string, object=): string} say return a sentence with its {fields} filled
 * @property {function(?import("./data.mjs").Localized): string} nameOf return a localized text; "" of null
 * @property {function(number, number): string} titleOf return the title of a layer and head
 * @property {function(number): string} headName return a head's name, "head 3" where it is a number
 */

/** Return the functions that say things in a language, "en" or "zh". @returns {Speech} */
export function speechIn(lang) {
  const say = (name, fields = {}) => (
    data.sentences[lang][name].replace(/\{(\w+)\}/g, (_, field) => isolated(String(fields[field] ?? "")))
  );
  const nameOf = (words) => (words === null ? "" : words[lang]);
  const titleOf = (layer, head) => nameOf(data.titles[layer * data.heads.length + head]);
  const headName = (head) => {
    const name = nameOf(data.heads[head]);
    return /^\d+$/.test(name) ? say("head_number", { head: name }) : name;
  };
  return { say, nameOf, titleOf, headName };
}
