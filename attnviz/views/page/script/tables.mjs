// The text itself, word by word, to point at and to shade; and the tables of the chosen word's row and column.

/** An element with its properties and children. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "text") element.textContent = value;
    else if (key in element && key !== "role") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** The strips of text that are shown: which text, which axis its words are on, and which side shades it. */
function stripsFor(view) {
  const last = view === "words" ? SIDES : Math.min(SIDES, 2);
  const sides = Array.from({ length: last }, (_, side) => side);
  const rowName = (side) => (SIDES > 1 ? nameOf(book.sides[side]) : say(IS_CROSS ? "text_rows" : "text"));
  const asking = sides.map((side) => ({ text: book.rowTexts[side], axis: "row", side, name: rowName(side) }));
  if (!IS_CROSS) return asking;
  const columnName = (side) => (SIDES > 1 ? `${say("text_columns")} · ${nameOf(book.sides[side])}` : say("text_columns"));
  const asked = (view === "words" ? sides : [0]).map((side) => (
    { text: book.columnText, axis: "column", side, name: view === "words" ? columnName(side) : say("text_columns") }
  ));
  return [...asking, ...asked];
}

let strips = [];

/** Build the strips anew; the words are made once for a view, and only painted afterwards. */
function buildStrips() {
  const room = document.getElementById("texts");
  strips = stripsFor(state.view).map((strip) => ({ ...strip, words: [] }));
  room.replaceChildren(...strips.map(buildStrip));
  room.className = state.view === "words" ? "large" : "small";
  room.dataset.count = strips.length;
}

/** What does not begin a line. */
const CLOSING = /^[\p{Pe}\p{Pf}\p{Po}]/u;

function buildStrip(strip, place) {
  const text = book.texts[strip.text];
  const labels = strip.axis === "column" ? book.columns : book.rows;
  const line = make("p", { className: "words", role: "group", "aria-label": strip.name });
  text.words.forEach((word, at) => {
    if (text.gaps[at]) line.append(text.gaps[at]);
    else if (at > 0 && !CLOSING.test(labels[word])) line.append(make("wbr"));
    const element = make("span", { className: "word", role: "button", tabIndex: -1, text: labels[word] });
    element.dataset.word = word;
    element.dataset.strip = place;
    strip.words[word] = element;
    line.append(element);
  });
  line.append(text.tail.trimEnd());
  const first = strip.words[text.words[0]];
  if (first) first.tabIndex = 0;
  const shows = strips.length > 1;
  return make("div", { className: "strip" }, ...(shows ? [make("p", { className: "name", text: strip.name })] : []), line);
}

/** Show which word is chosen, which are found, and in the view of words how strong each is. */
function paintStrips(sheets) {
  for (const strip of strips) {
    const chosen = strip.axis === "column" ? state.other : state.word;
    const shades = state.view === "words" ? wordShades(sheets[strip.side], strip.axis) : null;
    strip.words.forEach((element, word) => {
      element.setAttribute("aria-pressed", String(word === chosen));
      element.classList.toggle("found", isFound(strip.axis, word));
      element.style.backgroundColor = shades && shades[word] ? shades[word].colour : "";
      element.style.color = shades && shades[word] ? shades[word].ink : "";
      element.classList.toggle("forbidden", Boolean(shades) && shades[word] === null);
      if (shades) element.title = shades[word] ? shades[word].number : say("cannot_look");
      else element.removeAttribute("title");
    });
    moveTabStop(strip, chosen);
  }
}

function moveTabStop(strip, chosen) {
  const stop = chosen ?? book.texts[strip.text].words[0];
  if (strip.stop !== undefined && strip.words[strip.stop]) strip.words[strip.stop].tabIndex = -1;
  if (strip.words[stop]) strip.words[stop].tabIndex = 0;
  const first = strip.words[book.texts[strip.text].words[0]];
  if (stop !== book.texts[strip.text].words[0] && first) first.tabIndex = -1;
  strip.stop = stop;
}

/** For each word of an axis its colour, ink and number: what the chosen word gives it, else what it receives. */
function wordShades(sheet, axis) {
  if (axis === "row" && IS_CROSS) return state.other === null ? book.rows.map(() => undefined) : shadesOfColumn(sheet);
  const row = shownRow();
  return row === null ? shadesOfReceived(sheet) : shadesOfRow(sheet, row);
}

function shadesOfRow(sheet, row) {
  return book.columns.map((_, column) => shadeCell(sheet, row, column));
}

function shadesOfColumn(sheet) {
  return book.rows.map((_, row) => shadeCell(sheet, row, state.other));
}

function shadeCell(sheet, row, column) {
  if (isForbidden(sheet, row, column)) return null;
  if (isHidden(sheet, row, column)) return undefined;
  return shadeNumber(sheet, highFor(sheet, row), valueAt(sheet, row, column), cellText(sheet, row, column));
}

function shadesOfReceived(sheet) {
  const sums = received(sheet);
  const high = sums.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const floor = floorOf(sums, high);
  return Array.from(sums, (value, column) => (
    isUnseen(sheet, column) ? null : shadeNumber(sheet, high, value, meanText(sheet, value), floor)
  ));
}

function shadeNumber(sheet, high, value, number, floor) {
  const shade = shadeOf(sheet.side, high, value, floor);
  return { colour: colourAt(sheet.side, shade), ink: inkAt(sheet.side, shade), number };
}

/** A mean as people read it; means are never rounded. */
function meanText(sheet, value) {
  return written(value, book.digits, scaleOf(sheet.side).diverging);
}

// --- tables --------------------------------------------------------------------------------------------------------

/** The tables beside the view: the chosen word's row and column, or how much each word receives. */
function fillTables(sheets) {
  const room = document.getElementById("tables");
  const row = state.word;
  const column = IS_CROSS ? state.other : state.word;
  const tables = [];
  if (row !== null) tables.push(tableOf(say("looks_at", { word: book.rows[row] }), book.columns, sheets, (each) => [row, each]));
  if (column !== null) tables.push(tableOf(say("looked_at_by", { word: book.columns[column] }), book.rows, sheets, (each) => [each, column]));
  if (!tables.length) tables.push(tableOfReceived(sheets));
  room.replaceChildren(orderChooser(), ...tables);
}

function orderChooser() {
  const select = make("select", { id: "order" }, ...["text", "weight"].map((order) => (
    make("option", { value: order, text: say(`order_${order}`), selected: state.order === order })
  )));
  select.addEventListener("change", () => change({ order: select.value }));
  return make("label", { className: "chooser" }, make("span", { text: say("order") }), select);
}

function tableOf(caption, labels, sheets, cell) {
  const lines = labels.map((label, at) => ({
    label,
    forbidden: sheets.every((sheet) => isForbidden(sheet, ...cell(at))),
    size: Math.abs(valueAt(sheets[SIDES - 1], ...cell(at))),
    hidden: sheets.every((sheet) => isHidden(sheet, ...cell(at))),
    cells: sheets.map((sheet) => ({
      sheet, text: cellText(sheet, ...cell(at)), forbidden: isForbidden(sheet, ...cell(at)),
      value: valueAt(sheet, ...cell(at)), high: highFor(sheet, cell(at)[0]),
    })),
  }));
  return buildTable(caption, sheets, lines, "weight");
}

function tableOfReceived(sheets) {
  const high = sheets.map((sheet) => received(sheet).reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  const lines = book.columns.map((label, at) => ({
    label,
    forbidden: false,
    hidden: false,
    size: Math.abs(received(sheets[SIDES - 1])[at]),
    cells: sheets.map((sheet) => ({
      sheet, text: isUnseen(sheet, at) ? "·" : meanText(sheet, received(sheet)[at]), forbidden: isUnseen(sheet, at),
      value: received(sheet)[at], high: high[sheet.side],
    })),
  }));
  const table = buildTable(say("received"), sheets, lines, "mean_weight");
  table.querySelector("caption").append(make("small", { text: say("received_note") }));
  return table;
}

function buildTable(caption, sheets, lines, name) {
  if (state.order === "weight") lines.sort((a, b) => a.forbidden - b.forbidden || b.size - a.size);
  const heads = SIDES > 1 ? book.sides.map((side) => shortened(nameOf(side), 14, 62)) : [say(name)];
  const body = make("tbody");
  for (const line of lines) {
    const cells = line.cells.map((cell) => buildCell(cell, line.hidden));
    body.append(make("tr", { className: line.hidden ? "hidden" : "" }, make("th", { scope: "row" }, make("bdi", { text: line.label })), ...cells));
  }
  return make("table", {},
    make("caption", {}, make("span", { text: caption })),
    make("thead", {}, make("tr", {}, make("th", { scope: "col", text: say("word") }),
      ...heads.map((head) => make("th", { scope: "col", className: "number", text: head })))),
    body);
}

function buildCell({ sheet, text, forbidden, value, high }) {
  const cell = make("td", { className: "number" });
  if (forbidden) {
    cell.append(make("span", { text, "aria-hidden": "true" }), make("span", { className: "unseen", text: say("cannot_look") }));
    return cell;
  }
  cell.append(text);
  if (SIDES === 1) {
    const bar = make("span", { className: "meter" });
    bar.style.setProperty("--share", String(Math.min(1, high ? Math.abs(value) / high : 0)));
    bar.style.setProperty("--shade", colourAt(sheet.side, shadeOf(sheet.side, high, value)));
    cell.append(bar);
  }
  return cell;
}
