// The page's data: what Python handed over, and the tables of weights, each opened when it is first looked at.

const book = JSON.parse(document.getElementById("data").textContent);
const ROWS = book.rows.length;
const COLUMNS = book.columns.length;
const SIDES = book.sides.length;
const IS_CROSS = book.columnText !== null;
const MOST_OPEN = 48;
const opened = new Map();

function blockText(place) {
  return document.getElementById(`block-${place}`).textContent;
}

function sheetPlace(layer, head, side) {
  return (layer * book.heads.length + head) * SIDES + side;
}

/** The tables of a layer and head, one a side, as a promise; the last few stay open. */
function openSheets(layer, head) {
  return Promise.all(book.sides.map((_, side) => openSheet(sheetPlace(layer, head, side), side)));
}

function openSheet(place, side) {
  const known = opened.get(place);
  opened.delete(place);
  const sheet = known || readSheet(place, side);
  opened.set(place, sheet);
  if (opened.size > MOST_OPEN) opened.delete(opened.keys().next().value);
  return sheet;
}

async function readSheet(place, side) {
  const { kind, reach, mask } = book.sheets[place];
  const { values, largest, means } = readNumbers(kind, await unpack(blockText(place)), ROWS, COLUMNS);
  const forbidden = mask < 0 ? null : await openMask(mask);
  const sheet = { place, side, kind, reach, values, largest, means, forbidden };
  sheet.rowReach = rowReach(values);
  return sheet;
}

const masks = new Map();

function openMask(place) {
  if (!masks.has(place)) masks.set(place, unpack(blockText(place)).then((bytes) => readMask(bytes, ROWS * COLUMNS)));
  return masks.get(place);
}

function rowReach(values) {
  const reach = new Float64Array(ROWS);
  for (let row = 0, at = 0; row < ROWS; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1, at += 1) {
      const size = Math.abs(values[at]);
      if (size > reach[row]) reach[row] = size;
    }
  }
  return reach;
}

function isForbidden(sheet, row, column) {
  return sheet.forbidden !== null && sheet.forbidden[row * COLUMNS + column] === 1;
}

function valueAt(sheet, row, column) {
  return sheet.values[row * COLUMNS + column];
}

/** A cell as people read it; · where looking is forbidden; only the digits that are certain. */
function cellText(sheet, row, column) {
  if (isForbidden(sheet, row, column)) return "·";
  const digits = sheet.largest ? certainDigits(sheet.largest[row], STEPS[sheet.kind], book.digits) : book.digits;
  const value = valueAt(sheet, row, column);
  if (sheet.largest && value === 0 && !scaleOf(sheet.side).diverging) return `.${"0".repeat(digits)}`;
  return written(value, digits, scaleOf(sheet.side).diverging);
}

/** How much each word receives: the mean of its column over the words that may look at anything. */
function received(sheet) {
  if (sheet.means) return sheet.means;
  const sums = new Float64Array(COLUMNS);
  let looking = 0;
  for (let row = 0, at = 0; row < ROWS; row += 1) {
    let looks = false;
    for (let column = 0; column < COLUMNS; column += 1, at += 1) {
      sums[column] += sheet.values[at];
      looks ||= sheet.forbidden === null || sheet.forbidden[at] === 0;
    }
    if (looks) looking += 1;
  }
  sheet.means = sums.map((sum) => sum / (looking || 1));
  return sheet.means;
}

/** Whether no word may look at this one. */
function isUnseen(sheet, column) {
  for (let row = 0; row < ROWS; row += 1) if (!isForbidden(sheet, row, column)) return false;
  return true;
}

function scaleOf(side) {
  return book.scales[book.scaleOfSide[side]];
}

/** The number at a scale's end for this cell's row, under the chosen way to colour. */
function highFor(sheet, row) {
  if (state.colours === "row" && row !== null) return sheet.rowReach[row];
  if (state.colours === "all" || state.colours === "log") return scaleOf(sheet.side).high;
  let high = 0;
  for (let side = 0; side < SIDES; side += 1) {
    if (book.scaleOfSide[side] === book.scaleOfSide[sheet.side]) {
      high = Math.max(high, book.sheets[sheet.place - sheet.side + side].reach);
    }
  }
  return high;
}

/** What tells where a number stands on the scale that ends at `high`, as the chosen way to colour has it: 0 to 1. */
function placerOf(side, floor = scaleOf(side).floor) {
  const { diverging } = scaleOf(side);
  if (state.colours === "log") return (high, value) => placeByRatio(floor, high, diverging, value);
  return (high, value) => placeOn(diverging ? -high : 0, high, diverging, value);
}

/** What tells which of the 256 colours a number has, of many. */
function shaderOf(side, floor) {
  const place = placerOf(side, floor);
  return (high, value) => nearest(place(high, value) * 255);
}

/** Which of the 256 colours a number has. */
function shadeOf(side, high, value, floor) {
  return shaderOf(side, floor)(high, value);
}

const DECADES = 4;

/** The floor of a scale of ratios over these numbers: the smallest that is not 0, of four decades at most. */
function floorOf(numbers, high) {
  let smallest = Infinity;
  for (const number of numbers) if (number !== 0) smallest = Math.min(smallest, Math.abs(number));
  return Math.min(Math.max(smallest, high / 10 ** DECADES), high);
}

function colourAt(side, shade) {
  return `#${scaleOf(side).colours.substr(6 * shade, 6)}`;
}

function inkAt(side, shade) {
  return scaleOf(side).ink[shade] === "0" ? "#000000" : "#ffffff";
}

const bytesOfScale = new Map();

/** A scale's colours as RGB bytes. */
function coloursAsBytes(side) {
  const { colours } = scaleOf(side);
  if (!bytesOfScale.has(colours)) {
    bytesOfScale.set(colours, Uint8Array.from(colours.match(/../g), (pair) => parseInt(pair, 16)));
  }
  return bytesOfScale.get(colours);
}

let smallBytes = null;

/** Every small map's bytes, opened once. */
async function openSmall() {
  if (!smallBytes) smallBytes = new Uint8Array(await unpack(blockText(book.small.block)));
  return smallBytes;
}

/** Numbers below this are hidden; the slider's steps grow, so that small numbers can be told apart. */
function leastValue() {
  return book.scales[0].high * (state.least / 100) ** 2;
}

function isHidden(sheet, row, column) {
  return state.least > 0 && Math.abs(valueAt(sheet, row, column)) < leastValue();
}
