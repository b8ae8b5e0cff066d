// The page: it holds what changes, and shows it.

import { CanvasPainter } from "./canvas_painter.mjs";
import { labelControls, showControls } from "./controls.mjs";
import { IS_CROSS, data } from "./data.mjs";
import { announcedTitle, noteOf, readoutOf, showDescriptions, showReadout } from "./descriptions.mjs";
import { byId } from "./dom.mjs";
import { showLegend } from "./legend.mjs";
import { CAN_LAYER, headsOver, toggled } from "./overlay.mjs";
import { openPicture } from "./patch_map.mjs";
import { Player, showPlayer } from "./player.mjs";
import { pixelRatio, savePng, saveSvg } from "./saved_picture.mjs";
import { makeScene } from "./scene.mjs";
import { findWords, nextMatch } from "./search.mjs";
import { SheetStore, withoutSpecial } from "./sheets.mjs";
import { RANGES, writeState } from "./state.mjs";
import { showStep, withinBranch } from "./steps.mjs";
import { showTables } from "./tables.mjs";
import { VIEWS } from "./views.mjs";
import { buildStrips, paintStrips } from "./word_strips.mjs";

/** Return the room for the view on paper, in CSS pixels: A4 or Letter without margins, with short tables below it. */
function spaceOnPaper() {
  const free = 690 - 24 * byId("tables").querySelectorAll("tr").length;
  return { width: 680, height: free > 300 ? Math.min(700, free) : 700, isPaper: true };
}

/** The colours that the style sheet defines for drawings. */
const THEME_COLOURS = ["paper", "ink", "soft", "line", "accent", "hatch", "mark", "onMark", "found"];

/** Return those colours as they are now. */
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(THEME_COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** All that changes while the page is open; everything else is passed a scene of it. */
export class Page {
  /** @param {import("./state.mjs").State} state */
  constructor(state) {
    this.state = state;
    /** @type {import("./scene.mjs").Hover} */
    this.hover = null;
    /** @type {?import("./sheets.mjs").Sheet[]} null until the first ones are open */
    this.sheets = null;
    /** @type {?import("./overlay.mjs").Layered[]} null: one head is shown */
    this.over = null;
    this.store = new SheetStore();
    this.found = findWords("");
    this.theme = {};
    /** @type {?{view: string, plan: object}} null where the view is not drawn */
    this.layout = null;
    /** @type {import("./word_strips.mjs").Strip[]} */
    this.strips = [];
    this.player = new Player(this);
    this.isPrinting = false;
    this.shows = 0; // calls of show
    this.drawRequest = 0; // of an animation frame; 0: none
  }

  /** Return what is shown now. */
  get scene() {
    const { state, hover, sheets, over, store, found, theme } = this;
    const { small, terms } = store;
    const shares = store.shares[state.branch] ?? null;
    return makeScene({ state, hover, sheets, over, small, terms, shares, found, theme });
  }

  /** Return the room for the view: so high that the legend and the controls stay in the window with it. */
  get space() {
    if (this.isPrinting) return spaceOnPaper();
    const frame = byId("frame").getBoundingClientRect();
    const panel = byId("panel").getBoundingClientRect();
    const below = panel.bottom - frame.bottom + this.controlsBelow + 8;
    const free = window.innerHeight - (frame.top + window.scrollY) - below;
    return { width: Math.max(200, byId("frame").clientWidth - 2), height: Math.max(200, free) };
  }

  /** Return the height that the controls take below the view on narrow screens; 0 where they are beside it. */
  get controlsBelow() {
    const controls = byId(this.state.view === "steps" ? "player" : "settings");
    return getComputedStyle(byId("side")).display === "contents" ? controls.offsetHeight + 8 : 0;
  }

  /** Change the state, write it to the address and show it. @param {Partial<import("./state.mjs").State>} patch */
  change(patch) {
    const before = this.state;
    this.state = withinBranch({ ...this.state, ...patch });
    this.hover = null;
    writeState(this.state);
    return this.show(before);
  }

  /** Show the state: what differs from the state `before`, or everything. */
  async show(before = null) {
    const turn = (this.shows += 1);
    performance.mark("show");
    const { state } = this;
    const differs = (...names) => before === null || names.some((name) => before[name] !== state[name]);
    if (differs("theme")) this.useTheme();
    if (differs("lang")) labelControls(this.scene);
    if (differs("find", "lang")) this.found = findWords(state.find);
    if (differs("view", "lang")) this.strips = state.view === "steps" ? [] : buildStrips(this.scene);
    const layered = headsOver(state.over);
    const [sheets, others] = await Promise.all([
      this.store.openSheets(state.layer, state.head),
      Promise.all(layered.map(({ head }) => this.store.openSheets(state.layer, head))),
      state.view === "heads" ? this.store.openSmallMaps() : null,
      state.view === "patches" ? openPicture() : null,
      state.word !== null && state.other !== null ? this.store.openTerms() : null,
      state.view === "steps" ? this.store.openShares(state.branch) : null,
    ]);
    if (turn !== this.shows) return;
    this.sheets = sheets.map((sheet) => withoutSpecial(sheet, state.special));
    this.over = state.over === "" || !CAN_LAYER.has(state.view) ? null
      : layered.map((one, at) => ({ ...one, sheet: withoutSpecial(others[at][0], state.special) }));
    showControls(this.scene);
    showDescriptions(this.scene);
    showLegend(this.scene);
    showPlayer(this.scene, this.player);
    this.layOut();
    const isMoved = differs("word", "other", "layer", "head", "view", "zoom");
    // A page opens at its first layer, a link at what it chose.
    if (isMoved && (before !== null || /\b(layer|head|word|other)=/.test(location.hash))) this.scrollToChosen();
    this.draw();
    paintStrips(this.scene, this.strips);
    if (state.view === "steps") showStep(this.scene);
    // Last: with a thousand rows the browser would lay the page out once more for each question asked after it.
    showTables(this.scene, (order) => this.change({ order }));
    document.documentElement.dataset.shown = String(turn);
    performance.measure("shown", "show");
  }

  /** Set light or dark, and read its colours. On paper it is light. */
  useTheme() {
    const { theme } = this.state;
    const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = isDark && !this.isPrinting ? "dark" : "light";
    this.theme = readTheme();
  }

  /** Lay the view out for the room there is. */
  layOut() {
    const view = VIEWS[this.state.view];
    byId("frame").hidden = !view;
    this.layout = null;
    const isStuck = getComputedStyle(byId("settings")).position === "sticky";
    document.documentElement.style.setProperty("--below", `${isStuck ? Math.max(0, this.controlsBelow - 8) : 0}px`);
    if (!view) return;
    const { space } = this;
    byId("frame").style.maxHeight = `${space.height + 2}px`;
    this.layout = { view: this.state.view, plan: view.layOut(this.scene, space) };
    byId("content").style.width = `${Math.ceil(this.layout.plan.width)}px`;
    byId("content").style.height = `${Math.ceil(this.layout.plan.height)}px`;
  }

  /** Draw the part of the view that is seen; on paper the whole. */
  draw() {
    if (!this.layout) return;
    const { view, plan } = this.layout;
    const frame = byId("frame");
    const canvas = byId("canvas");
    const whole = { x: 0, y: 0, width: Math.ceil(plan.width), height: Math.ceil(plan.height) };
    const seen = this.isPrinting ? whole : {
      x: frame.scrollLeft, y: frame.scrollTop,
      width: Math.min(whole.width, frame.clientWidth), height: Math.min(whole.height, frame.clientHeight),
    };
    const { width, height } = seen;
    const fade = (name, isMore) => canvas.style.setProperty(name, isMore ? "24px" : "0px");
    fade("--right", seen.x + width < whole.width - 1);
    fade("--bottom", seen.y + height < whole.height - 1);
    const ratio = this.isPrinting ? pixelRatio(whole) : devicePixelRatio;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.translate(-seen.x, -seen.y);
    VIEWS[view].draw(this.scene, new CanvasPainter(context, this.theme), plan, seen);
  }

  /** Draw with the next animation frame. */
  drawSoon() {
    this.drawRequest ||= requestAnimationFrame(() => {
      this.drawRequest = 0;
      this.draw();
    });
  }

  /** Lay out and draw again, where the room has changed. */
  resize() {
    if (!this.sheets) return;
    this.layOut();
    this.drawSoon();
  }

  /** Scroll what is chosen into sight, beside the labels. */
  scrollToChosen() {
    const { state, layout } = this;
    const isHeads = state.view === "heads";
    if (!layout || (!isHeads && state.word === null && state.other === null)) return;
    const frame = byId("frame");
    const spot = VIEWS[layout.view].spot(state, layout.plan);
    const right = spot.x + spot.width;
    const bottom = spot.y + spot.height;
    const isWhole = state.view === "arcs" || state.view === "patches";
    if (isHeads || state.other !== null || isWhole) {
      if (spot.x < frame.scrollLeft + spot.left) frame.scrollLeft = spot.x - spot.left - 20;
      if (right > frame.scrollLeft + frame.clientWidth) frame.scrollLeft = right - frame.clientWidth + 20;
    }
    if (isHeads || state.word !== null || isWhole) {
      if (spot.y < frame.scrollTop + spot.top) frame.scrollTop = spot.y - spot.top - 20;
      if (bottom > frame.scrollTop + frame.clientHeight) frame.scrollTop = bottom - frame.clientHeight + 20;
    }
  }

  /** Show what is pointed at, or what is chosen again. @param {import("./scene.mjs").Hover} hover */
  hoverOver(hover) {
    if (!this.sheets || JSON.stringify(hover) === JSON.stringify(this.hover)) return;
    this.hover = hover;
    const { scene } = this;
    showReadout(scene);
    if (this.state.view === "arcs") byId("note").textContent = noteOf(scene);
    if (this.state.view === "words") paintStrips(scene, this.strips);
    if (this.state.view === "words" || this.state.view === "patches") showLegend(scene);
    this.drawSoon();
  }

  /** Choose a word of an axis; a chosen row takes the choice of a column back, except in cross attention. */
  chooseWord(axis, word) {
    return this.change(axis === "column" ? { other: word } : { word, other: IS_CROSS ? this.state.other : null });
  }

  /** Choose the next word that was found. */
  chooseNextMatch() {
    const patch = nextMatch(this.found, this.state);
    if (patch) this.change(patch);
  }

  /** Choose another layer or head; the first follows the last. @param {"layer"|"head"} name */
  step(name, by) {
    const count = name === "layer" ? data.layers.length : data.heads.length;
    return this.choose(name, (this.state[name] + by + count) % count);
  }

  /** Choose a layer, or a single head. @param {"layer"|"head"} name */
  choose(name, index) {
    return this.change(name === "head" ? { head: index, over: "" } : { layer: index });
  }

  /** Put a head over the others that are shown, or take it away. */
  toggleHead(head) {
    return this.change({ over: toggled(this.state.over, head) });
  }

  /** Open a small map: alone, or over the others where several are shown. */
  openMap(layer, head) {
    if (!this.state.over) return this.change({ layer, head, view: data.patches ? "patches" : "matrix" });
    return layer === this.state.layer ? this.toggleHead(head) : this.change({ layer, head });
  }

  /** Make the cells of the heatmap larger or smaller. */
  zoomBy(by) {
    if (this.state.view !== "matrix") return;
    const [low, high] = RANGES.zoom;
    this.change({ zoom: Math.max(low, Math.min(high, this.state.zoom + by)) });
  }

  /** Have a screen reader say what is chosen now. */
  announce() {
    setTimeout(() => {
      const { scene } = this;
      byId("status").textContent = `${announcedTitle(scene)} ${readoutOf(scene)}`.trim();
    }, 60);
  }

  /** Offer the view as a file. @param {"png"|"svg"} kind */
  save(kind) {
    (kind === "png" ? savePng : saveSvg)(this.scene, this.strips, this.space);
  }

  /** Focus the view, or its first word. */
  focusView() {
    (this.layout ? byId("frame") : byId("texts").querySelector('[tabindex="0"]') ?? byId("panel")).focus();
  }

  /** Prepare for paper, where the view is whole and on white, or for the screen again. */
  usePaper(on) {
    this.isPrinting = on;
    document.documentElement.classList.toggle("paper", on);
    this.useTheme();
    if (!this.sheets) return;
    this.layOut();
    this.draw();
  }
}
