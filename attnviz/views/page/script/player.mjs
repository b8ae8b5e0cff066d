// The player: the branches of a continuation, and the steps of each, one after the other, by buttons, a slider, keys,
// or by themselves.

import { data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { CHOICES } from "./state.mjs";
import { BRANCHES, MOST_STEPS, stepsOf } from "./steps.mjs";

/** @typedef {import("./page.mjs").Page} Page */

/** Milliseconds from one step to the next. */
const PACE = { slow: 2400, normal: 1200, fast: 500 };

/** Moves a page from step to step. It begins only when it is asked to, and stops at the last step. */
export class Player {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.timer = 0; // of the next step; 0: not playing
  }

  get isPlaying() {
    return this.timer !== 0;
  }

  /** Return the last step of the branch that is shown. */
  get last() {
    return stepsOf(this.page.state) - 1;
  }

  /** Play, from the first step where the last one is shown; or stop. */
  toggle() {
    if (this.isPlaying) this.stop();
    else if (this.last > 0) {
      this.wait();
      if (this.page.state.step === this.last) this.page.change({ step: 0 });
      else showPlayer(this.page.scene, this);
    }
  }

  wait() {
    this.timer = setTimeout(() => this.advance(), PACE[this.page.state.speed]);
  }

  advance() {
    const step = Math.min(this.last, this.page.state.step + 1);
    this.timer = 0;
    if (this.page.state.view !== "steps") return;
    if (step < this.last) this.wait();
    this.page.change({ step });
    this.page.announce();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    showPlayer(this.page.scene, this);
  }

  /** Stop, and show a step. */
  go(step) {
    this.show({ step: Math.max(0, Math.min(this.last, step)) });
  }

  /** Stop, and show a branch, at the same step where it has that. */
  choose(branch) {
    this.show({ branch });
  }

  /** Stop, and make a change. @param {Partial<import("./state.mjs").State>} patch */
  show(patch) {
    clearTimeout(this.timer);
    this.timer = 0;
    this.page.change(patch);
    this.page.announce();
  }
}

/** Build the player's controls. @param {Page} page */
export function buildPlayer(page) {
  if (BRANCHES > 1) byId("player").append(buildBranches(page));
  if (MOST_STEPS > 1) buildSteps(page);
}

/** Build the choice among several branches. @param {Page} page */
function buildBranches({ player }) {
  const select = make("select", { id: "branch" }, ...data.played.map((_, at) => make("option", { value: at })));
  select.addEventListener("change", () => player.choose(Number(select.value)));
  const name = make("label", { htmlFor: "branch" });
  name.dataset.say = "branch";
  return make("span", { className: "chooser", id: "branches" }, name, select);
}

/** Build the buttons, the slider and the speed. @param {Page} page */
function buildSteps(page) {
  const { player } = page;
  byId("keys-play").hidden = false;
  const button = (id, sign, label, act) => {
    const made = make("button", { type: "button", id, className: "step", text: sign });
    made.dataset.label = label;
    made.addEventListener("click", act);
    return made;
  };
  const slider = make("input", { type: "range", id: "step", min: 1, max: MOST_STEPS, step: 1 });
  slider.dataset.label = "step";
  slider.addEventListener("input", () => player.go(Number(slider.value) - 1));
  const speed = make("select", { id: "speed" }, ...CHOICES.speed.map((value) => make("option", { value })));
  for (const option of speed.options) option.dataset.say = `speed_${option.value}`;
  speed.addEventListener("change", () => page.change({ speed: speed.value }));
  const name = make("label", { htmlFor: "speed" });
  name.dataset.say = "speed";
  byId("player").append(
    button("step-first", "«", "step_first", () => player.go(0)),
    button("step-back", "‹", "step_back", () => player.go(page.state.step - 1)),
    make("button", { type: "button", id: "play" }),
    button("step-on", "›", "step_on", () => player.go(page.state.step + 1)),
    button("step-last", "»", "step_last", () => player.go(player.last)),
    slider, make("output", { id: "step-shown", htmlFor: "step" }),
    make("span", { className: "chooser" }, name, speed));
  byId("play").addEventListener("click", () => player.toggle());
}

/** Set the controls to the step that is shown. */
export function showPlayer({ state, say, nameOf }, { isPlaying, last }) {
  byId("player").hidden = state.view !== "steps" || (BRANCHES < 2 && MOST_STEPS < 2);
  if (BRANCHES > 1) {
    const select = byId("branch");
    data.played.forEach(({ name }, at) => { select.options[at].textContent = nameOf(name); });
    select.value = String(state.branch);
  }
  if (MOST_STEPS < 2) return;
  byId("play").textContent = isPlaying ? `‖ ${say("pause")}` : `▶ ${say("play")}`;
  byId("play").disabled = last === 0;
  byId("step").max = last + 1;
  byId("step").value = state.step + 1;
  byId("step").setAttribute("aria-valuetext", say("step_of", { step: state.step + 1, count: last + 1 }));
  byId("step-shown").value = `${state.step + 1} / ${last + 1}`;
  byId("speed").value = state.speed;
  for (const id of ["step-first", "step-back"]) byId(id).disabled = state.step === 0;
  for (const id of ["step-on", "step-last"]) byId(id).disabled = state.step === last;
}

/**
 * Space plays and pauses, arrow keys step, where no control takes them.
 * @returns {boolean} whether the key was taken
 */
export function pressOnPlayer(player, event) {
  const { step } = player.page.state;
  const [back, on] = [step - 1, step + 1];
  const to = { ArrowLeft: back, ArrowUp: back, ArrowRight: on, ArrowDown: on, Home: 0, End: player.last };
  if (event.key === " ") player.toggle();
  else if (event.key in to) player.go(to[event.key]);
  else return false;
  return true;
}
