// The steps of a continuation: the text so far with what the new token attended to, and what else was likely.

import { colorAt, inkAt, shadeOf } from "./colors.mjs";
import { data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { directionOf } from "./text_measure.mjs";
import { directionOfText, layOutText } from "./text_layout.mjs";

/**
 * @typedef {import("./scene.mjs").Scene} Scene
 * @typedef {{label: string, gap: string, share: ?number, isNew: boolean}} Shown a word of the text so far; share: of
 *   what the new token attended to, from 0 to 1, null of words that it could not attend to
 */

/** How many branches there are; 0 where the page has no steps. */
export const BRANCHES = data.played.length;

/** How many steps the longest branch has. */
export const MOST_STEPS = Math.max(0, ...data.played.map(({ steps }) => steps.length));

/** Return the branch that is shown. @returns {import("./data.mjs").PageSteps} */
export function branchOf({ branch }) {
  return data.played[branch];
}

/** Return how many steps the branch that is shown has; 0 where the page has none. */
export function stepsOf(state) {
  return BRANCHES ? branchOf(state).steps.length : 0;
}

/** Return a state whose step is one that its branch has: the last, where it is shorter. */
export function withinBranch(state) {
  return state.step < stepsOf(state) || !BRANCHES ? state : { ...state, step: stepsOf(state) - 1 };
}

/** Return the step that is shown. @returns {import("./data.mjs").PageStep} */
function stepOf(state) {
  return branchOf(state).steps[state.step];
}

/** Return the lines of the text at a step: what is continued with what was added, or both by themselves. */
function linesAt(scene) {
  const { step } = scene.state;
  const { words, text, steps, grows } = branchOf(scene.state);
  const { contextSize } = steps[step];
  const context = text.words.map((word, at) => ({ word, gap: text.gaps[at] })).filter(({ word }) => word < contextSize)
    .map(({ word, gap }) => (
      { label: words[word], gap, share: scene.shares[step * words.length + word], isNew: false }
    ));
  const added = steps.slice(grows ? step : 0, step + 1).map(({ token, gap }, at, all) => (
    { label: token, gap, share: null, isNew: at === all.length - 1 }
  ));
  return grows ? [[...context, ...added]] : [context, added];
}

/** Return the colour of a share and of the text on it; null of none. */
function shadeOfWord({ share }, largest) {
  if (share === null || !largest) return null;
  const shade = shadeOf(0, "head", largest, share);
  return { colour: colorAt(0, shade), ink: inkAt(0, shade) };
}

function largestOf(lines) {
  return lines.flat().reduce((most, { share }) => Math.max(most, share ?? 0), 0);
}

/** Show the text at the chosen step. @param {Scene} scene */
export function showStep(scene) {
  const lines = linesAt(scene);
  const largest = largestOf(lines);
  byId("texts").className = "large played";
  byId("texts").dataset.count = "1";
  byId("texts").replaceChildren(...lines.map((line) => {
    const dir = directionOfText(line.map(({ label }) => label));
    return make("p", { className: "words", dir }, ...line.flatMap((word) => buildToken(word, dir, largest)));
  }));
}

/** Build a word of the text so far, with what stands before it. */
function buildToken(word, dir, largest) {
  const shade = shadeOfWord(word, largest);
  const element = make("span", { className: word.isNew ? "token new" : "token", text: word.label });
  element.dir = directionOf(word.label) || dir;
  if (shade) {
    element.style.backgroundColor = shade.colour;
    element.style.color = shade.ink;
    element.title = `${(100 * word.share).toFixed(1)}%`;
  }
  return word.gap ? [word.gap, element] : [make("wbr"), element];
}

/** Lay the text of the chosen step out, for a saved picture. */
export function layOutStep(scene, space) {
  const size = 22;
  const lines = linesAt(scene);
  const blocks = [];
  let y = 0;
  for (const line of lines) {
    const text = { words: line.map((_, at) => at), gaps: line.map(({ gap }) => gap), tail: "" };
    const metrics = { room: space.width, size, pad: 4, lineHeight: size * 1.9, top: y + 20 };
    const laid = layOutText(text, line.map(({ label }) => label), metrics);
    blocks.push({ line, laid });
    y = laid.height;
  }
  return { blocks, size, width: space.width, height: y, largest: largestOf(lines) };
}

/** Draw what layOutStep has laid out. */
export function drawStep({ theme }, painter, { blocks, size, largest }) {
  for (const { line, laid } of blocks) {
    for (const box of laid.plain) painter.text(box.words, box.x + 4, box.y, { size, color: theme.soft });
    laid.boxes.forEach((boxes, at) => boxes.forEach((box) => {
      const shade = shadeOfWord(line[at], largest);
      const area = [box.x + 1, box.y - size * 0.8, box.width - 2, size * 1.6];
      if (shade) painter.rect(...area, shade.colour);
      if (line[at].isNew) painter.frame(...area, theme.accent, 3);
      const style = { size, align: "center", color: shade ? shade.ink : theme.ink };
      painter.text(box.words, box.x + box.width / 2, box.y, style);
    }));
  }
}

/** Build the tables beside the text: what could come next, and what the new token attended to. */
export function buildStepTables({ state, say }) {
  const { token, candidates, attended } = stepOf(state);
  const build = (caption, heads, lines, chosen) => make("table", {},
    make("caption", {}, make("span", { text: caption })),
    make("thead", {}, make("tr", {}, make("th", { scope: "col", text: heads[0] }),
      make("th", { scope: "col", className: "number", text: heads[1] }))),
    make("tbody", {}, ...lines.map((line) => buildLine(line, lines[0][2], line[0] === chosen))));
  const tables = [build(say("step_candidates"), [say("step_token"), say("step_probability")], candidates, token)];
  if (attended.length) {
    tables.push(build(say("step_attended", { token }), [say("word"), say("step_share")], attended, null));
  }
  return tables;
}

function buildLine([label, percent, number], largest, isChosen) {
  const bar = make("span", { className: "meter" });
  bar.style.setProperty("--share", String(largest ? Math.min(1, number / largest) : 0));
  bar.style.setProperty("--shade", "var(--soft)");
  if (isChosen) bar.style.setProperty("--shade", "var(--accent)");
  return make("tr", { className: isChosen ? "taken" : "" },
    make("th", { scope: "row" }, make("bdi", { text: label })),
    make("td", { className: "number" }, percent, bar));
}

/** Return what is said of the chosen step: the token, its probability, and what it attended to most. */
export function readoutOfStep({ state, say }) {
  const { token, probability, attended } = stepOf(state);
  return attended.length ? say("says_step", { token, probability, word: attended[0][0], share: attended[0][1] })
    : say("says_step_alone", { token, probability });
}

/** Return the heading of the chosen step, with the number of its branch where there are several. */
export function headingOfStep({ state, say }) {
  const fields = { step: state.step + 1, count: stepsOf(state), branch: state.branch + 1 };
  return say(BRANCHES > 1 ? "branch_step_of" : "step_of", fields);
}
