// The controls: tabs, choosers, slider, search field and buttons.

import { thresholdOf } from "./colors.mjs";
import { SIDES, data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { formatNumber } from "./numbers.mjs";
import { CAN_LAYER, MOST_OVER, colourOver, headsOver } from "./overlay.mjs";
import { buildPlayer } from "./player.mjs";
import { hasFound, searchStatus } from "./search.mjs";
import { CHOICES } from "./state.mjs";

/** @typedef {import("./page.mjs").Page} Page */

/** Return whether there is more than one head to choose from, so that the overview and a scale a head make sense. */
const HAS_HEADS = data.sheets.length > SIDES;

/** Build the controls that depend on the data; labelControls names them. @param {Page} page */
export function buildControls(page) {
  const views = CHOICES.view.filter((view) => view !== "heads" || HAS_HEADS);
  byId("views").replaceChildren(...views.map((view) => {
    const tab = make("button", { type: "button", id: `view-${view}`, role: "tab", "aria-controls": "panel" });
    tab.addEventListener("click", () => page.change({ view }));
    return tab;
  }));
  const choosers = [];
  if (data.layers.length > 1) choosers.push(buildChooser(page, "layer", SIDES > 1 ? "setting" : "layer", data.layers));
  if (data.heads.length > 1) choosers.push(buildChooser(page, "head", "head", data.heads));
  if (MOST_OVER) choosers.push(buildSeveral(page));
  byId("choosers").replaceChildren(...choosers);
  byId("heads-over").replaceChildren(...(MOST_OVER ? data.heads.map((_, head) => buildChip(page, head)) : []));
  byId("heads-over").addEventListener("keydown", moveChip);
  byId("settings").replaceChildren(buildLeast(page), buildFind(page), buildColours(page), buildZoom(page));
  if (data.hideable.columns.length) byId("zoom").before(buildSpecial(page));
  byId("settings").addEventListener("submit", (event) => {
    event.preventDefault();
    page.chooseNextMatch();
  });
  buildPlayer(page);
  buildTools(page);
}

/** Build a select with a button for the item before and one for the item after. */
function buildChooser(page, name, sentence, items) {
  const select = make("select", { id: name }, ...items.map((_, at) => make("option", { value: at })));
  select.addEventListener("change", () => page.choose(name, Number(select.value)));
  const step = (by, direction, sign) => {
    const button = make("button", { type: "button", id: `${direction}-${name}`, className: "step", text: sign });
    button.dataset.label = `${direction}_${sentence}`;
    button.addEventListener("click", () => page.step(name, by));
    return button;
  };
  return buildLabelled(sentence, name, step(-1, "previous", "‹"), select, step(1, "next", "›"));
}

function buildLabelled(sentence, id, ...controls) {
  const label = make("label", { htmlFor: id });
  label.dataset.say = sentence;
  return make("span", { className: "chooser" }, label, ...controls);
}

/** Build the button that begins with the chosen head, to which others are added, or ends with it. */
function buildSeveral(page) {
  const button = make("button", { type: "button", id: "several", "aria-controls": "heads-over" });
  button.dataset.say = "several";
  button.addEventListener("click", () => {
    const { over, head } = page.state;
    const rest = headsOver(over);
    page.change(over ? { over: "", head: rest[0].head } : { over: firstHeads(head).join(".") });
  });
  return button;
}

/** Return the chosen head and the next one, which is the first after the last. */
function firstHeads(head) {
  return [...new Set([head, (head + 1) % data.heads.length])];
}

/** Build the button that puts a head over the others or takes it away. */
function buildChip(page, head) {
  const chip = make("button", { type: "button", className: "chip", id: `over-${head}`, tabIndex: head ? -1 : 0 });
  chip.append(make("span", { className: "swatch", "aria-hidden": "true" }), make("span"));
  chip.addEventListener("click", () => {
    if (chip.getAttribute("aria-disabled") !== "true") page.toggleHead(head);
  });
  return chip;
}

/** Arrow keys move between the chips, of which Tab reaches one. */
function moveChip(event) {
  const chips = [...byId("heads-over").children];
  const at = chips.indexOf(document.activeElement);
  const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -at, End: -1 - at }[event.key];
  if (by === undefined || at < 0 || event.shiftKey) return;
  event.preventDefault();
  chips.forEach((chip) => { chip.tabIndex = -1; });
  const next = chips[(at + by + chips.length) % chips.length];
  next.tabIndex = 0;
  next.focus();
}

function buildLeast(page) {
  const slider = make("input", { type: "range", id: "least", min: 0, max: 100, step: 1 });
  slider.addEventListener("input", () => page.change({ least: Number(slider.value) }));
  return buildLabelled("least", "least", slider, make("output", { id: "least-shown", htmlFor: "least" }));
}

function buildFind(page) {
  const field = make("input", { type: "search", id: "find", autocomplete: "off", spellcheck: false });
  field.addEventListener("input", () => page.change({ find: field.value }));
  const next = make("button", { type: "submit", id: "find-next", className: "step", text: "›" });
  next.dataset.label = "next_found";
  return buildLabelled("find", "find", field, next, make("output", { id: "find-shown", htmlFor: "find" }));
}

function buildColours(page) {
  const colourings = CHOICES.colours.filter((each) => each !== "head" || HAS_HEADS);
  const select = make("select", { id: "colours" }, ...colourings.map((value) => make("option", { value })));
  for (const option of select.options) option.dataset.say = `colours_${option.value}`;
  select.addEventListener("change", () => page.change({ colours: select.value }));
  return buildLabelled("colours", "colours", select);
}

function buildSpecial(page) {
  const select = make("select", { id: "special" }, ...CHOICES.special.map((value) => make("option", { value })));
  for (const option of select.options) option.dataset.say = `special_${option.value}`;
  select.addEventListener("change", () => page.change({ special: select.value }));
  return buildLabelled("special", "special", select);
}

function buildZoom(page) {
  const button = (id, sign, act) => {
    const made = make("button", { type: "button", id, className: "step", text: sign });
    made.addEventListener("click", act);
    return made;
  };
  const smaller = button("zoom-out", "−", () => page.zoomBy(-1));
  const fit = button("zoom-fit", "", () => page.change({ zoom: 0 }));
  const larger = button("zoom-in", "+", () => page.zoomBy(1));
  smaller.dataset.label = "zoom_out";
  fit.dataset.say = "zoom_fit";
  larger.dataset.label = "zoom_in";
  const name = make("span", { className: "name" });
  name.dataset.say = "zoom";
  const group = make("span", { className: "chooser", id: "zoom", role: "group" }, name, smaller, fit, larger);
  group.dataset.label = "zoom";
  return group;
}

/** Connect the buttons at the top of the page. */
function buildTools(page) {
  byId("language").addEventListener("click", () => page.change({ lang: page.state.lang === "zh" ? "en" : "zh" }));
  byId("theme").addEventListener("click", () => {
    page.change({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" });
  });
  byId("save-png").addEventListener("click", () => page.save("png"));
  byId("save-svg").addEventListener("click", () => page.save("svg"));
  byId("print").addEventListener("click", () => window.print());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    page.focusView();
  });
}

/** Put every fixed text of the page into the chosen language. */
export function labelControls({ state, say, nameOf }) {
  document.documentElement.lang = state.lang === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  for (const view of CHOICES.view) {
    const tab = byId(`view-${view}`);
    if (tab) tab.textContent = say(view === "heads" && SIDES > 1 ? "changes" : view);
  }
  for (const [name, items] of [["layer", data.layers], ["head", data.heads]]) {
    const select = byId(name);
    if (select) items.forEach((words, at) => { select.options[at].textContent = nameOf(words); });
  }
  if (MOST_OVER) data.heads.forEach((words, head) => { byId(`over-${head}`).lastChild.textContent = nameOf(words); });
  byId("title").textContent = data.title;
  const other = state.lang === "zh" ? "en" : "zh";
  const button = byId("language");
  button.textContent = other === "zh" ? "中文" : "English";
  button.lang = other === "zh" ? "zh-Hans" : "en";
}

/** Set the controls to the state. */
export function showControls({ state, found, say }) {
  for (const view of CHOICES.view) {
    const tab = byId(`view-${view}`);
    if (!tab) continue;
    tab.setAttribute("aria-selected", String(view === state.view));
    tab.tabIndex = view === state.view ? 0 : -1;
  }
  byId("panel").setAttribute("aria-labelledby", `view-${state.view}`);
  for (const name of ["layer", "head", "colours", "special"]) if (byId(name)) byId(name).value = String(state[name]);
  byId("least").value = state.least;
  const threshold = formatNumber(thresholdOf(state), Math.max(3, data.digits));
  byId("least-shown").value = state.least ? threshold : say("least_none");
  if (byId("find").value !== state.find) byId("find").value = state.find;
  byId("find-shown").value = searchStatus(found, state, say);
  byId("find-next").disabled = !hasFound(found);
  byId("zoom").hidden = state.view !== "matrix";
  for (const id of ["settings", "choosers"]) byId(id).hidden = state.view === "steps";
  if (MOST_OVER) showHeadsOver(state, say);
  byId("theme").textContent = say(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  byId("tables").setAttribute("aria-label", say("numbers"));
}

/** Show which heads are over each other, and which may be added. */
function showHeadsOver({ over, view }, say) {
  const count = headsOver(over).length;
  byId("several").setAttribute("aria-pressed", String(count > 0));
  byId("heads-over").hidden = count === 0 || !CAN_LAYER.has(view);
  byId("several").hidden = !CAN_LAYER.has(view);
  const chips = [...byId("heads-over").children];
  chips.forEach((chip, head) => {
    const colour = colourOver(over, head);
    chip.setAttribute("aria-pressed", String(colour !== undefined));
    chip.setAttribute("aria-disabled", String(colour === undefined && count === MOST_OVER));
    chip.title = colour === undefined && count === MOST_OVER ? say("over_full", { most: MOST_OVER }) : "";
    chip.firstChild.style.backgroundColor = colour ?? "";
  });
}
