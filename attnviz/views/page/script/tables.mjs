// The tables beside the view: the chosen word's row and column, or the mean of each column.

import { colorAt, scaleEnd, shadeOf } from "./colors.mjs";
import { IS_CROSS, SIDES, data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { largestSize } from "./numbers.mjs";
import { sheetsShown } from "./overlay.mjs";
import { cellText, columnMeans, isForbidden, isHidden, isRemoved, isUnseen, meanText, valueAt } from "./sheets.mjs";
import { CHOICES } from "./state.mjs";
import { buildStepTables } from "./steps.mjs";
import { buildTerms } from "./terms.mjs";
import { shorten } from "./text_measure.mjs";

/**
 * @typedef {import("./scene.mjs").Scene} Scene
 * @typedef {import("./sheets.mjs").Sheet} Sheet
 *
 * @typedef {{sheet: Sheet, text: string, forbidden: boolean, value: number, high: number}} Cell a number as text, and
 *   its value on the scale that ends at `high`
 * @typedef {{label: string, number: string, column: number, forbidden: boolean, hidden: boolean, size: number,
 *   cells: Cell[]}} Line one word with a cell for each side; `size` orders the lines
 */

/** The number of each word that stands several times on an axis, as in 猫#2; "" of the others. */
const NUMBERS = { rows: numbersOf(data.rows), columns: numbersOf(data.columns) };

function numbersOf(labels) {
  const counts = new Map();
  const at = labels.map((label) => counts.set(label, (counts.get(label) ?? 0) + 1).get(label));
  return at.map((number, word) => (counts.get(labels[word]) > 1 ? `#${number}` : ""));
}

/** Show the tables. `onOrder` is called with the order that is chosen. */
export function showTables(scene, onOrder) {
  if (scene.state.view === "steps") {
    byId("tables").replaceChildren(...buildStepTables(scene));
    return;
  }
  const { state, say } = scene;
  const row = state.word;
  const chosen = IS_CROSS ? state.other : state.word;
  const column = chosen !== null && isRemoved(scene.sheets[0], chosen) ? null : chosen;
  const tables = [];
  if (row !== null) {
    const caption = say("looks_at", { word: data.rows[row] });
    tables.push(buildTable(scene, caption, "weight", linesOf(scene, "columns", (at) => [row, at])));
  }
  if (column !== null) {
    const caption = say("looked_at_by", { word: data.columns[column] });
    tables.push(buildTable(scene, caption, "weight", linesOf(scene, "rows", (at) => [at, column])));
  }
  if (!tables.length) {
    const table = buildTable(scene, say("received"), "mean_weight", linesOfMeans(scene));
    table.querySelector("caption").append(make("small", { text: say("received_note") }));
    tables.push(table);
  }
  const terms = buildTerms(scene);
  byId("tables").replaceChildren(...(terms ? [terms] : []), buildOrderChooser(scene, onOrder), ...tables);
}

function buildOrderChooser({ state, say }, onOrder) {
  const select = make("select", { id: "order" }, ...CHOICES.order.map((order) => (
    make("option", { value: order, text: say(`order_${order}`), selected: state.order === order })
  )));
  select.addEventListener("change", () => onOrder(select.value));
  return make("label", { className: "chooser" }, make("span", { text: say("order") }), select);
}

/** Return a line for each word of an axis; cellAt returns its row and column. @returns {Line[]} */
function linesOf(scene, axis, cellAt) {
  const { over, state, threshold } = scene;
  const sheets = sheetsShown(scene);
  return data[axis].map((label, at) => {
    const [row, column] = cellAt(at);
    return {
      label, number: NUMBERS[axis][at], column,
      forbidden: sheets.every((sheet) => isForbidden(sheet, row, column)),
      hidden: sheets.every((sheet) => isHidden(sheet, row, column, threshold)),
      size: over ? largestSize(sheets.map((sheet) => valueAt(sheet, row, column)))
        : Math.abs(valueAt(sheets[SIDES - 1], row, column)),
      cells: sheets.map((sheet) => ({
        sheet, text: cellText(sheet, row, column), forbidden: isForbidden(sheet, row, column),
        value: valueAt(sheet, row, column), high: scaleEnd(sheet, row, state.colours),
      })),
    };
  }).filter(({ column }) => !isRemoved(sheets[0], column));
}

/** Return a line for each column with its mean. @returns {Line[]} */
function linesOfMeans(scene) {
  const sheets = sheetsShown(scene);
  const means = sheets.map(columnMeans);
  const isKept = (at) => !isRemoved(sheets[0], at);
  const highs = means.map((each) => largestSize(each.filter((_, at) => isKept(at))));
  return data.columns.map((label, at) => ({
    label,
    number: NUMBERS.columns[at],
    column: at,
    forbidden: false,
    hidden: false,
    size: scene.over ? largestSize(means.map((each) => each[at])) : Math.abs(means[SIDES - 1][at]),
    cells: sheets.map((sheet, side) => {
      const forbidden = isUnseen(sheet, at);
      const value = means[side][at];
      return { sheet, text: forbidden ? "·" : meanText(sheet, value), forbidden, value, high: highs[side] };
    }),
  })).filter(({ column }) => isKept(column));
}

/** Build a table of lines; `name` is the sentence above a single column of numbers. */
function buildTable(scene, caption, name, lines) {
  const { state, say, nameOf, over } = scene;
  if (state.order === "weight") lines.sort((a, b) => a.forbidden - b.forbidden || b.size - a.size);
  const names = over ? over.map(({ head }) => data.heads[head]) : SIDES > 1 ? data.sides : null;
  const heads = names === null ? [say(name)] : names.map((each) => shorten(nameOf(each), 14, 62));
  const body = make("tbody");
  for (const line of lines) {
    const cells = line.cells.map((cell) => buildCell(cell, state.colours, say, line.cells.length === 1));
    const label = make("th", { scope: "row" }, make("bdi", { text: line.label }));
    if (line.number) label.append(make("small", { text: line.number }));
    body.append(make("tr", { className: line.hidden ? "hidden" : "" }, label, ...cells));
  }
  const columns = heads.map((head, at) => {
    const swatch = over ? [make("span", { className: "swatch", "aria-hidden": "true" })] : [];
    for (const each of swatch) each.style.backgroundColor = over[at].colour;
    return make("th", { scope: "col", className: "number" }, ...swatch, head);
  });
  return make("table", { className: heads.length > 3 ? "many" : "" },
    make("caption", {}, make("span", { text: caption })),
    make("thead", {}, make("tr", {}, make("th", { scope: "col", text: say("word") }), ...columns)),
    body);
}

function buildCell({ sheet, text, forbidden, value, high }, colouring, say, hasMeter) {
  const cell = make("td", { className: "number" });
  if (forbidden) {
    const spoken = make("span", { className: "unseen", text: say("cannot_look") });
    cell.append(make("span", { text, "aria-hidden": "true" }), spoken);
    return cell;
  }
  cell.append(text);
  if (hasMeter) {
    const bar = make("span", { className: "meter" });
    bar.style.setProperty("--share", String(Math.min(1, high ? Math.abs(value) / high : 0)));
    bar.style.setProperty("--shade", colorAt(sheet.side, shadeOf(sheet.side, colouring, high, value)));
    cell.append(bar);
  }
  return cell;
}
