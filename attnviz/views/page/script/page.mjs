// The page: its state (which is the address's hash), its controls, and what happens when they are used.

const FIRST = {
  view: "matrix", layer: book.start[0], head: book.start[1], word: null, other: null, least: 0, find: "",
  colours: book.spread !== "global" ? book.spread : book.sheets.length > 8 * SIDES ? "head" : "all", zoom: 0,
  order: Math.max(ROWS, COLUMNS) <= 16 ? "text" : "weight", theme: null, lang: book.language,
};
const NUMBERS = {
  layer: [0, book.layers.length - 1], head: [0, book.heads.length - 1], word: [0, ROWS - 1], other: [0, COLUMNS - 1],
  least: [0, 100], zoom: [-8, 12],
};
const CHOICES = {
  view: ["matrix", "arcs", "words", "heads"], colours: ["all", "head", "row", "log"], order: ["text", "weight"],
  theme: ["light", "dark"], lang: ["en", "zh"],
};

let state = { ...FIRST };
let hover = null;
let look = {};
let plan = null;
let shown = null;
let found = { row: [], column: [] };
let printing = false;

const byId = (id) => document.getElementById(id);

// --- words ---------------------------------------------------------------------------------------------------------

/** A sentence in the chosen language, its fields filled. */
function say(name, fields = {}) {
  return book.sentences[state.lang][name].replace(/\{(\w+)\}/g, (_, field) => fields[field] ?? "");
}

function nameOf(words) {
  return words === null ? "" : words[state.lang];
}

function titleNow() {
  return nameOf(book.titles[state.layer * book.heads.length + state.head]);
}

// --- state and hash ------------------------------------------------------------------------------------------------

/** The state that a hash names; what it names wrongly is left as it is at first. */
function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  const next = { ...FIRST };
  for (const [name, value] of given) {
    if (Object.hasOwn(NUMBERS, name) && /^-?\d+$/.test(value)) {
      const [low, high] = NUMBERS[name];
      if (Number(value) >= low && Number(value) <= high) next[name] = Number(value);
    } else if (Object.hasOwn(CHOICES, name) && CHOICES[name].includes(value)) next[name] = value;
    else if (name === "find") next.find = value.slice(0, 200);
  }
  if (next.view === "heads" && book.sheets.length === SIDES) next.view = "matrix";
  return next;
}

function writeHash() {
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

/** Change the state and show it. */
function change(patch) {
  const before = state;
  state = { ...state, ...patch };
  hover = null;
  writeHash();
  return show(before);
}

let wanted = 0;

/** Show the state: what has changed since `before`, or everything. */
async function show(before = null) {
  const turn = (wanted += 1);
  performance.mark("show");
  const differs = (...names) => before === null || names.some((name) => before[name] !== state[name]);
  if (differs("theme")) useTheme();
  if (differs("lang")) useLanguage();
  if (differs("find", "lang")) search();
  if (differs("view", "lang")) buildStrips();
  const [sheets] = await Promise.all([openSheets(state.layer, state.head), state.view === "heads" ? openSmall() : null]);
  if (turn !== wanted) return;
  shown = sheets;
  showControls();
  showWords();
  lay();
  if (before === null || differs("word", "other", "layer", "head", "view", "zoom")) scrollToChosen();
  draw();
  showLegend();
  paintStrips(sheets);
  fillTables(sheets); // last: a thousand rows would make the browser lay the page out once more for each question
  document.documentElement.dataset.shown = String(turn);
  performance.measure("shown", "show");
}

// --- drawing -------------------------------------------------------------------------------------------------------

/** Colours of the page as the canvas needs them, from the style sheet. */
function useTheme() {
  const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark && !printing ? "dark" : "light";
  const style = getComputedStyle(document.documentElement);
  look = {};
  for (const name of ["paper", "ink", "soft", "line", "accent", "hatch", "mark", "onMark", "found"]) {
    look[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

function spaceNow() {
  const frame = byId("frame");
  const height = printing ? 900 : Math.max(300, window.innerHeight * 0.8 - 60);
  return { width: Math.max(200, frame.clientWidth - 2), height };
}

/** Lay the view out for the room there is. */
function lay() {
  const view = VIEWS[state.view];
  byId("frame").hidden = !view;
  if (!view) {
    plan = null;
    return;
  }
  plan = view.layOut(spaceNow(), shown);
  byId("content").style.width = `${Math.ceil(plan.width)}px`;
  byId("content").style.height = `${Math.ceil(plan.height)}px`;
}

/** Draw what is seen of the view. */
function draw() {
  if (!plan) return;
  const frame = byId("frame");
  const canvas = byId("canvas");
  const width = Math.min(Math.ceil(plan.width), frame.clientWidth);
  const height = Math.min(Math.ceil(plan.height), frame.clientHeight);
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  const seen = { x: frame.scrollLeft, y: frame.scrollTop, width, height };
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.translate(-seen.x, -seen.y);
  VIEWS[state.view].draw(new CanvasPainter(context, look), plan, seen);
}

let drawing = 0;

function drawSoon() {
  if (!drawing) {
    drawing = requestAnimationFrame(() => {
      drawing = 0;
      draw();
    });
  }
}

/** The row that is pointed at, else the chosen one. */
function shownRow() {
  if (hover && "row" in hover) return hover.row;
  return state.word;
}

function shownColumn() {
  if (hover && "column" in hover) return hover.column;
  return state.other;
}

function scrollToChosen() {
  if (!plan) return;
  const frame = byId("frame");
  const isHeads = state.view === "heads";
  if (!isHeads && state.word === null && state.other === null) return;
  const spot = isHeads ? heads.spot(plan) : VIEWS[state.view].spot(plan, state.word, state.other ?? 0);
  const inX = isHeads || state.other !== null || state.view === "arcs";
  const inY = isHeads || state.word !== null || state.view === "arcs";
  if (inX && spot.x < frame.scrollLeft + spot.left) frame.scrollLeft = spot.x - spot.left - 20;
  if (inX && spot.x + spot.width > frame.scrollLeft + frame.clientWidth) frame.scrollLeft = spot.x + spot.width - frame.clientWidth + 20;
  if (inY && spot.y < frame.scrollTop + spot.top) frame.scrollTop = spot.y - spot.top - 20;
  if (inY && spot.y + spot.height > frame.scrollTop + frame.clientHeight) frame.scrollTop = spot.y + spot.height - frame.clientHeight + 20;
}

// --- words around the view -----------------------------------------------------------------------------------------

function showWords() {
  const title = titleNow();
  byId("heading").textContent = state.view === "heads" ? say(SIDES > 1 ? "changes" : "heads") : title || say(state.view);
  byId("readout").textContent = readout();
  byId("texts").hidden = state.view === "arcs" || state.view === "heads";
  byId("note").textContent = noteNow();
  const caption = book.captions[Math.min(state.layer, book.captions.length - 1)];
  byId("caption").textContent = caption.map(nameOf).join(" · ");
  byId("precision").textContent = say(book.precision);
  const notes = book.notes[Math.min(state.layer, book.notes.length - 1)].map(nameOf);
  const verdict = byId("verdict");
  verdict.hidden = SIDES === 1;
  verdict.textContent = SIDES === 1 ? "" : notes[0];
  byId("notes").replaceChildren(...notes.slice(SIDES === 1 ? 0 : 1).map((text) => make("li", { text })));
  byId("canvas").setAttribute("aria-label", pictureWords(title));
}

function pictureWords(title) {
  const fields = { title: title || say("nameless"), rows: ROWS, columns: COLUMNS, layers: book.layers.length, heads: book.heads.length };
  const kind = VIEWS[state.view] ? state.view : "matrix";
  const row = state.word === null ? "" : ` ${readoutOfRow(state.word)}`;
  return say(`picture_${kind}`, fields) + (kind === "heads" ? "" : row);
}

/** One sentence about what is pointed at, else about what is chosen. */
function readout() {
  if (hover && "layer" in hover) return nameOf(book.titles[hover.layer * book.heads.length + hover.head]);
  if (state.view === "heads") return say("says_heads");
  const row = shownRow();
  const column = shownColumn();
  if (row !== null && column !== null) return readoutOfCell(row, column, hover ? hover.side ?? 0 : null);
  if (row !== null) return readoutOfRow(row);
  if (column !== null) return readoutOfColumn(column);
  return say("says_hint");
}

function readoutOfCell(row, column, side) {
  const sides = side === null ? shown : [shown[side]];
  const fields = { query: book.rows[row], key: book.columns[column] };
  if (sides.every((sheet) => isForbidden(sheet, row, column))) return say("says_forbidden", fields);
  return say("says_weight", { ...fields, number: sides.map((sheet) => cellText(sheet, row, column)).join(" · ") });
}

function readoutOfRow(row) {
  const sheet = shown[SIDES - 1];
  let best = null;
  for (let column = 0; column < COLUMNS; column += 1) {
    if (isForbidden(sheet, row, column)) continue;
    if (best === null || Math.abs(valueAt(sheet, row, column)) > Math.abs(valueAt(sheet, row, best))) best = column;
  }
  if (best === null) return say("says_nothing", { query: book.rows[row] });
  if (SIDES > 1) return readoutOfCell(row, best, null);
  return say("says_most", { query: book.rows[row], key: book.columns[best], number: cellText(sheet, row, best) });
}

function readoutOfColumn(column) {
  const number = shown.map((sheet) => meanText(sheet, received(sheet)[column])).join(" · ");
  return say("says_received", { key: book.columns[column], number });
}

function noteNow() {
  if (state.view === "heads") {
    return [say(SIDES > 1 ? "axes_settings" : "axes_heads"), book.small.step > 1 ? say("pooled", { step: book.small.step }) : ""].filter(Boolean).join(" · ");
  }
  if (state.view === "words") return state.word === null && state.other === null ? say("received") : "";
  if (state.view !== "arcs") return nameOf(book.axes);
  const row = shownRow();
  if (row !== null) return say("arcs_word_note", { word: book.rows[row] });
  const arcsShown = shown.reduce((sum, sheet) => sum + arcsOf(sheet).length, 0);
  return say("arcs_note", { share: "70 %", shown: arcsShown, count: ROWS * COLUMNS * SIDES });
}

/** A bar of the scale's colours with the numbers at its ends, for each scale in use. */
function showLegend() {
  const legends = state.view === "arcs" ? []
    : book.scales.map((scale, at) => legendFor(scale, book.scaleOfSide.indexOf(at)));
  if (shown.some((sheet) => sheet.forbidden)) {
    legends.push(make("span", { className: "key" }, make("span", { className: "hatched", "aria-hidden": "true", text: "·" }), say("cannot_look")));
  }
  byId("legend").replaceChildren(...legends);
}

function legendFor(scale, side) {
  const bar = make("span", { className: "ramp" });
  const stops = Array.from({ length: 18 }, (_, at) => colourAt(side, Math.round((at * 255) / 17)));
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(",")})`;
  const [low, high] = legendEnds(scale, side);
  return make("span", { className: "scale" }, make("span", { text: low }), bar, make("span", { text: high }));
}

function legendEnds(scale, side) {
  const perRow = state.colours === "row";
  const byRatio = state.colours === "log";
  let high = highFor(shown[side], shownRow());
  let { floor } = scale;
  if (state.view === "heads" && state.colours !== "all" && !byRatio) return scale.diverging ? ["−", "+"] : ["0", say("map_largest")];
  if (state.view === "words" && shownRow() === null && (!IS_CROSS || state.other === null)) {
    high = received(shown[side]).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    floor = floorOf(received(shown[side]), high);
  } else if (perRow && shownRow() === null) return scale.diverging ? ["−", "+"] : ["0", say("row_largest")];
  const number = written(high, book.digits, scale.diverging);
  if (byRatio && !scale.diverging) return [say("and_less", { floor: Number(floor.toPrecision(1)).toString().replace(/^0/, "") }), number];
  return [scale.diverging ? written(-high, book.digits) : "0", number];
}

// --- search --------------------------------------------------------------------------------------------------------

function search() {
  const wantedWords = state.find.trim().toLocaleLowerCase();
  const matching = (labels) => (wantedWords
    ? labels.flatMap((label, at) => (label.toLocaleLowerCase().includes(wantedWords) ? [at] : [])) : []);
  const lists = { row: matching(book.rows), column: matching(book.columns) };
  found = { lists, row: new Set(lists.row), column: new Set(lists.column) };
}

function isFound(axis, word) {
  return found[axis].has(word);
}

/** Choose the next word that was found, after the chosen one, in the order of the axis. */
function nextFound() {
  const useRows = found.lists.row.length > 0;
  const list = useRows ? found.lists.row : found.lists.column;
  if (!list.length) return;
  const now = useRows ? state.word : state.other;
  const next = list.find((word) => now !== null && word > now) ?? list[0];
  change(useRows ? { word: next } : { other: next });
}

function foundWords() {
  if (!state.find.trim()) return "";
  const useRows = found.lists.row.length > 0;
  const list = useRows ? found.lists.row : found.lists.column;
  if (!list.length) return say("found_none");
  return say("found", { place: list.indexOf(useRows ? state.word : state.other) + 1, count: list.length });
}

// --- controls ------------------------------------------------------------------------------------------------------

function buildControls() {
  const views = CHOICES.view.filter((view) => view !== "heads" || book.sheets.length > SIDES);
  byId("views").replaceChildren(...views.map((view) => {
    const tab = make("button", { type: "button", id: `view-${view}`, role: "tab", "aria-controls": "panel" });
    tab.addEventListener("click", () => change({ view }));
    return tab;
  }));
  byId("views").addEventListener("keydown", moveTab);
  const choosers = [];
  if (book.layers.length > 1) choosers.push(buildChooser("layer", SIDES > 1 ? "setting" : "layer", book.layers));
  if (book.heads.length > 1) choosers.push(buildChooser("head", "head", book.heads));
  byId("choosers").replaceChildren(...choosers);
  byId("settings").replaceChildren(buildLeast(), buildFind(), buildColours(), buildZoom());
  byId("settings").addEventListener("submit", (event) => {
    event.preventDefault();
    nextFound();
  });
}

function buildChooser(name, words, names) {
  const select = make("select", { id: name }, ...names.map((_, at) => make("option", { value: at })));
  select.addEventListener("change", () => change({ [name]: Number(select.value) }));
  const step = (by, label, sign) => {
    const button = make("button", { type: "button", id: `${label}-${name}`, className: "step", text: sign });
    button.dataset.label = `${label}_${words}`;
    button.addEventListener("click", () => move(name, by));
    return button;
  };
  const label = make("label", { htmlFor: name });
  label.dataset.say = words;
  return make("span", { className: "chooser" }, label, step(-1, "previous", "‹"), select, step(1, "next", "›"));
}

/** Another layer or head; after the last comes the first. */
function move(name, by) {
  const count = name === "layer" ? book.layers.length : book.heads.length;
  change({ [name]: (state[name] + by + count) % count });
}

function labelled(name, id, ...controls) {
  const label = make("label", { htmlFor: id });
  label.dataset.say = name;
  return make("span", { className: "chooser" }, label, ...controls);
}

function buildLeast() {
  const slider = make("input", { type: "range", id: "least", min: 0, max: 100, step: 1 });
  slider.addEventListener("input", () => change({ least: Number(slider.value) }));
  return labelled("least", "least", slider, make("output", { id: "least-shown", htmlFor: "least" }));
}

function buildFind() {
  const field = make("input", { type: "search", id: "find", autocomplete: "off", spellcheck: false });
  field.addEventListener("input", () => change({ find: field.value }));
  const next = make("button", { type: "submit", id: "find-next", className: "step", text: "›" });
  next.dataset.label = "next_found";
  return labelled("find", "find", field, next, make("output", { id: "find-shown", htmlFor: "find" }));
}

function buildColours() {
  const ways = CHOICES.colours.filter((way) => way !== "head" || book.sheets.length > SIDES);
  const select = make("select", { id: "colours" }, ...ways.map((way) => make("option", { value: way })));
  for (const option of select.options) option.dataset.say = `colours_${option.value}`;
  select.addEventListener("change", () => change({ colours: select.value }));
  return labelled("colours", "colours", select);
}

function buildZoom() {
  const button = (id, sign, act) => {
    const made = make("button", { type: "button", id, className: "step", text: sign });
    made.dataset.label = id.replace("-", "_");
    made.addEventListener("click", act);
    return made;
  };
  const fit = button("zoom-fit", "", () => change({ zoom: 0 }));
  delete fit.dataset.label;
  fit.dataset.say = "zoom_fit";
  const group = make("span", { className: "chooser", id: "zoom", role: "group" },
    make("span", { className: "name" }), button("zoom-out", "−", () => zoomBy(-1)), fit, button("zoom-in", "+", () => zoomBy(1)));
  group.dataset.label = "zoom";
  group.querySelector(".name").dataset.say = "zoom";
  return group;
}

function zoomBy(by) {
  if (state.view !== "matrix") return;
  const [low, high] = NUMBERS.zoom;
  change({ zoom: Math.max(low, Math.min(high, state.zoom + by)) });
}

/** Put every fixed word on the page into the chosen language. */
function useLanguage() {
  document.documentElement.lang = state.lang === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const view of CHOICES.view) {
    const tab = byId(`view-${view}`);
    if (tab) tab.textContent = say(view === "heads" && SIDES > 1 ? "changes" : view);
  }
  for (const [name, names] of [["layer", book.layers], ["head", book.heads]]) {
    const select = byId(name);
    if (select) names.forEach((words, at) => { select.options[at].textContent = nameOf(words); });
  }
  byId("title").textContent = book.title;
  const other = state.lang === "zh" ? "en" : "zh";
  const button = byId("language");
  button.textContent = other === "zh" ? "中文" : "English";
  button.lang = other === "zh" ? "zh-Hans" : "en";
}

/** Make the controls say what the state is. */
function showControls() {
  for (const view of CHOICES.view) {
    const tab = byId(`view-${view}`);
    if (!tab) continue;
    tab.setAttribute("aria-selected", String(view === state.view));
    tab.tabIndex = view === state.view ? 0 : -1;
  }
  byId("panel").setAttribute("aria-labelledby", `view-${state.view}`);
  for (const name of ["layer", "head", "colours"]) if (byId(name)) byId(name).value = String(state[name]);
  byId("least").value = state.least;
  byId("least-shown").value = state.least ? written(leastValue(), Math.max(3, book.digits)) : say("least_none");
  if (byId("find").value !== state.find) byId("find").value = state.find;
  byId("find-shown").value = foundWords();
  byId("find-next").disabled = !found.lists.row.length && !found.lists.column.length;
  byId("zoom").hidden = state.view !== "matrix";
  byId("theme").textContent = say(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  byId("tables").setAttribute("aria-label", say("numbers"));
}

// --- keyboard and pointer ------------------------------------------------------------------------------------------

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function moveTab(event) {
  const tabs = [...byId("views").children];
  const ends = { Home: 0, End: tabs.length - 1 };
  const by = ARROWS[event.key] ? ARROWS[event.key][0] + ARROWS[event.key][1] : 0;
  if (event.shiftKey || (!by && !(event.key in ends))) return;
  const at = tabs.indexOf(document.activeElement);
  const next = tabs[event.key in ends ? ends[event.key] : (at + by + tabs.length) % tabs.length];
  event.preventDefault();
  next.focus();
  next.click();
}

/** Shift and an arrow: another head or layer, wherever the focus is but in a field. */
function pressAnywhere(event) {
  const arrow = ARROWS[event.key];
  const inField = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (!arrow || !event.shiftKey || event.ctrlKey || event.altKey || event.metaKey || inField) return;
  event.preventDefault();
  if (arrow[1] && book.heads.length > 1) move("head", arrow[1]);
  if (arrow[0] && book.layers.length > 1) move("layer", arrow[0]);
  tell();
}

function pressOnFrame(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey && event.key !== "+") return;
  const arrow = ARROWS[event.key];
  const acts = {
    "+": () => zoomBy(1), "=": () => zoomBy(1), "-": () => zoomBy(-1), 0: () => change({ zoom: 0 }),
    Escape: () => change({ word: null, other: null }), Enter: () => state.view === "heads" && change({ view: "matrix" }),
    Home: () => moveWord([-Infinity, -Infinity]), End: () => moveWord([Infinity, Infinity]),
  };
  if (arrow) moveWord(arrow);
  else if (event.key in acts) acts[event.key]();
  else return;
  event.preventDefault();
  tell();
}

/** From word to word in the text, from cell to cell in the heatmap, from map to map among the heads. */
function moveWord([down, across]) {
  const kept = (value, by, count) => Math.max(0, Math.min(count - 1, value === null ? (by > 0 && by < Infinity ? 0 : by < 0 ? 0 : count - 1) : value + by));
  if (state.view === "heads") {
    change({ layer: kept(state.layer, down, book.layers.length), head: kept(state.head, across, book.heads.length) });
  } else if (state.view === "matrix") {
    const patch = {};
    if (down) patch.word = kept(state.word, down, ROWS);
    if (across) patch.other = kept(state.other, across, COLUMNS);
    change(patch);
  } else change({ word: kept(state.word, down || across, ROWS), other: null });
}

/** Say aloud what is chosen now. */
function tell() {
  setTimeout(() => { byId("status").textContent = `${titleNow()} ${readout()}`.trim(); }, 60);
}

function pressOnWord(event) {
  const element = event.target.closest(".word");
  if (!element || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const strip = strips[element.dataset.strip];
  const order = book.texts[strip.text].words;
  const at = order.indexOf(Number(element.dataset.word));
  const arrow = ARROWS[event.key];
  if (event.key === "Enter" || event.key === " ") chooseWord(strip, order[at]);
  else if (event.key === "Escape") change(strip.axis === "column" ? { other: null } : { word: null });
  else if (arrow || event.key === "Home" || event.key === "End") {
    const next = event.key === "Home" ? 0 : event.key === "End" ? order.length - 1 : at + arrow[0] + arrow[1];
    const word = strip.words[order[Math.max(0, Math.min(order.length - 1, next))]];
    chooseWord(strip, Number(word.dataset.word));
    word.focus();
  } else return;
  event.preventDefault();
  tell();
}

function chooseWord(strip, word) {
  change(strip.axis === "column" ? { other: word } : { word, other: IS_CROSS ? state.other : null });
}

/** What lies under the pointer becomes what is shown, until the pointer leaves. */
function point(next) {
  if (JSON.stringify(next) === JSON.stringify(hover)) return;
  hover = next;
  byId("readout").textContent = readout();
  if (state.view === "arcs") byId("note").textContent = noteNow();
  if (state.view === "words") {
    paintStrips(shown);
    showLegend();
  }
  drawSoon();
}

function pointOnCanvas(event) {
  if (!plan || !shown) return;
  const frame = byId("frame");
  const box = byId("canvas").getBoundingClientRect();
  point(VIEWS[state.view].hit(plan, event.clientX - box.left + frame.scrollLeft, event.clientY - box.top + frame.scrollTop));
}

function clickOnCanvas(event) {
  pointOnCanvas(event);
  const at = hover;
  if (!at) change({ word: null, other: null });
  else if ("layer" in at) change({ layer: at.layer, head: at.head, view: "matrix" });
  else if (state.view === "arcs") change({ word: at.row, other: at.column });
  else change({ word: at.row, other: at.column });
  tell();
}

function pointOnWord(event) {
  const element = event.target.closest ? event.target.closest(".word") : null;
  if (!element || !shown) {
    if (event.type === "pointerover") point(null);
    return;
  }
  const strip = strips[element.dataset.strip];
  const word = Number(element.dataset.word);
  point(strip.axis === "column" ? { row: null, column: word } : { row: word, column: null });
}

function clickOnWord(event) {
  const element = event.target.closest(".word");
  if (!element) return;
  const strip = strips[element.dataset.strip];
  const word = Number(element.dataset.word);
  const chosen = strip.axis === "column" ? state.other : state.word;
  if (chosen === word) change(strip.axis === "column" ? { other: null } : { word: null, other: null });
  else chooseWord(strip, word);
  tell();
}

// --- saving and printing -------------------------------------------------------------------------------------------

const MARGIN = 24;
const MOST_PIXELS = 60e6;

/** The current view whole, with its title, its scale and its caption, drawn by either painter. */
function drawWhole(makePainter) {
  const space = { ...spaceNow(), width: Math.max(480, spaceNow().width) };
  const body = state.view === "words" ? planWords(space) : VIEWS[state.view].layOut(space, shown);
  const width = Math.max(body.width, 420) + 2 * MARGIN;
  const caption = [byId("caption").textContent, state.view === "words" ? "" : byId("note").textContent, byId("precision").textContent]
    .filter(Boolean).flatMap((words) => broken(words, 12, width - 2 * MARGIN));
  const heading = [[book.title, 18, true], [byId("heading").textContent, 14, false]].filter(([words]) => words);
  const top = MARGIN + heading.length * 26 + 8;
  const height = top + body.height + 30 + 34 + caption.length * 18 + MARGIN;
  const painter = makePainter(width, height);
  heading.forEach(([words, size, bold], at) => {
    painter.text(shortened(words, size, width - 2 * MARGIN, bold), MARGIN, MARGIN + 10 + at * 26, { size, bold, color: look.ink });
  });
  shiftedBy(painter, MARGIN, top, () => {
    const all = { x: 0, y: 0, width: body.width, height: body.height };
    if (state.view === "words") drawWordsPlan(painter, body);
    else VIEWS[state.view].draw(painter, body, all);
  });
  drawLegends(painter, MARGIN, top + body.height + 34);
  caption.forEach((line, at) => {
    painter.text(line, MARGIN, top + body.height + 70 + at * 18, { size: 12, color: look.soft });
  });
  return painter;
}

/** Draw with the origin at x, y, on either painter. */
function shiftedBy(painter, x, y, draws) {
  if (painter.context) {
    painter.context.save();
    painter.context.translate(x, y);
    draws();
    painter.context.restore();
  } else {
    painter.parts.push(`<g transform="translate(${x} ${short(y)})">`);
    draws();
    painter.parts.push("</g>");
  }
}

/** The words in lines of at most `room` pixels. */
function broken(words, size, room) {
  const lines = [];
  let line = "";
  for (const part of words.split(/(?<=[\s，。；：·])/)) {
    if (line && widthOf(line + part, size) > room) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += part;
  }
  return [...lines, line];
}

function drawLegends(painter, x, y) {
  if (state.view === "arcs") return;
  book.scales.forEach((scale, at) => {
    const side = book.scaleOfSide.indexOf(at);
    const [low, high] = legendEnds(scale, side);
    painter.text(low, x, y, { size: 12, color: look.ink });
    const left = x + widthOf(low, 12) + 8;
    for (let step = 0; step < 64; step += 1) painter.rect(left + step * 2.5, y - 6, 2.6, 12, colourAt(side, Math.round((step * 255) / 63)));
    painter.text(high, left + 168, y, { size: 12, color: look.ink });
    x = left + 168 + widthOf(high, 12) + 28;
  });
}

function planWords(space) {
  const size = 22;
  const blocks = [];
  let y = 0;
  for (const strip of strips) {
    const top = y + (strips.length > 1 ? 48 : 20);
    const labels = strip.axis === "column" ? book.columns : book.rows;
    const laid = layText(book.texts[strip.text], labels, { room: space.width, size, pad: 4, lineHeight: size * 1.9, top });
    blocks.push({ strip, laid, y });
    y = laid.height;
  }
  return { blocks, size, width: space.width, height: y };
}

function drawWordsPlan(painter, { blocks, size, width }) {
  for (const { strip, laid, y } of blocks) {
    if (blocks.length > 1) painter.text(shortened(strip.name, 14, width, true), 0, y + 14, { size: 14, bold: true, color: look.ink });
    const shades = wordShades(shown[strip.side], strip.axis);
    for (const box of laid.plain) painter.text(box.words, box.x + 4, box.y, { size, color: look.soft });
    laid.boxes.forEach((boxes, word) => boxes.forEach((box) => {
      const shade = shades[word];
      if (shade) painter.rect(box.x + 1, box.y - size * 0.8, box.width - 2, size * 1.6, shade.colour);
      if (shade === null) painter.hatch(box.x + 1, box.y - size * 0.8, box.width - 2, size * 1.6);
      if (word === shownRow() && strip.axis === "row") painter.frame(box.x + 1, box.y - size * 0.8, box.width - 2, size * 1.6, look.accent, 3);
      painter.text(box.words, box.x + box.width / 2, box.y, { size, align: "center", color: shade ? shade.ink : look.ink });
    }));
  }
}

function fileName(suffix) {
  const where = [state.view, ...(book.layers.length > 1 ? [`layer${state.layer}`] : []), ...(book.heads.length > 1 ? [`head${state.head}`] : [])];
  return `attnviz-${where.join("-")}.${suffix}`;
}

function offer(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function savePng() {
  const canvas = document.createElement("canvas");
  drawWhole((width, height) => {
    const ratio = Math.min(2, Math.sqrt(MOST_PIXELS / (width * height)), 16000 / Math.max(width, height));
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = look.paper;
    context.fillRect(0, 0, width, height);
    return new CanvasPainter(context, look);
  });
  canvas.toBlob((blob) => offer(blob, fileName("png")), "image/png");
}

function saveSvg() {
  const painter = drawWhole((width, height) => new SvgPainter(width, height, look, pictureWords(titleNow())));
  offer(new Blob([painter.toString()], { type: "image/svg+xml" }), fileName("svg"));
}

/** On paper the view is whole, on white. */
function turnToPaper(on) {
  printing = on;
  document.documentElement.classList.toggle("paper", on);
  useTheme();
  if (!shown) return;
  lay();
  draw();
}

// --- start ---------------------------------------------------------------------------------------------------------

function listen() {
  byId("language").addEventListener("click", () => change({ lang: state.lang === "zh" ? "en" : "zh" }));
  byId("theme").addEventListener("click", () => {
    change({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" });
  });
  byId("save-png").addEventListener("click", savePng);
  byId("save-svg").addEventListener("click", saveSvg);
  byId("print").addEventListener("click", () => window.print());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    (plan ? byId("frame") : byId("texts").querySelector('[tabindex="0"]')).focus();
  });
  document.addEventListener("keydown", pressAnywhere);
  byId("frame").addEventListener("keydown", pressOnFrame);
  byId("frame").addEventListener("scroll", drawSoon);
  byId("canvas").addEventListener("pointermove", pointOnCanvas);
  byId("canvas").addEventListener("pointerleave", () => point(null));
  byId("canvas").addEventListener("click", clickOnCanvas);
  const texts = byId("texts");
  texts.addEventListener("pointerover", pointOnWord);
  texts.addEventListener("pointerleave", () => point(null));
  texts.addEventListener("focusin", pointOnWord);
  texts.addEventListener("focusout", () => point(null));
  texts.addEventListener("click", clickOnWord);
  texts.addEventListener("keydown", pressOnWord);
  window.addEventListener("hashchange", () => {
    const before = state;
    state = readHash();
    show(before);
  });
  window.addEventListener("resize", () => {
    if (!shown) return;
    lay();
    drawSoon();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
  window.addEventListener("beforeprint", () => turnToPaper(true));
  window.addEventListener("afterprint", () => turnToPaper(false));
}

async function start() {
  state = readHash();
  buildControls();
  listen();
  try {
    if (typeof DecompressionStream === "undefined") throw new TypeError("no DecompressionStream");
    await show();
  } catch (error) {
    const words = typeof DecompressionStream === "undefined" ? say("too_old") : say("damaged");
    document.querySelector("main").prepend(make("p", { className: "alarm", role: "alert", text: words }));
    throw error;
  }
}

start();
