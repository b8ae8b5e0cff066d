// Numbers: how they are written, where they stand on a scale, and how a block of them is opened. No document here.

/** The nearest whole number, ties to the even one, as numpy.rint has it. */
function nearest(value) {
  const below = Math.floor(value);
  const part = value - below;
  if (part !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** A number of at least 0 with so many decimal places; an exact tie goes to the even digit, as in Python. */
function fixed(value, digits) {
  const exact = value.toFixed(Math.min(100, digits + 60));
  const kept = exact.slice(0, exact.indexOf(".") + 1 + digits);
  const isTie = /^50*$/.test(exact.slice(kept.length));
  return isTie && Number(kept.at(-1)) % 2 === 0 ? kept : value.toFixed(digits);
}

/** A number as the tables print it: without its leading zero; 0 is exactly nothing, .000 is too little for the digits. */
function written(value, digits, plus = false) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const whole = size >= 1 ? String(Math.floor(size)).length : 0;
  const places = fixed(size, Math.min(digits, 9 - whole));
  const sign = value < 0 ? "-" : plus ? "+" : "";
  return sign + (places.startsWith("0.") ? places.slice(1) : places);
}

/** Where a number stands between the ends of a scale, 0 to 1. */
function placeOn(low, high, diverging, value) {
  if (high <= low) return diverging ? 0.5 : 0;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** Where a number stands on a scale of ratios, from `floor` (and below) to `high` either way: 0 to 1. */
function placeByRatio(floor, high, diverging, value) {
  if (high <= 0) return diverging ? 0.5 : 0;
  const size = Math.abs(value);
  let share = size >= floor ? 1 : 0;
  if (floor < high) share = Math.min(1, Math.max(0, Math.log(Math.max(size, floor) / floor) / Math.log(high / floor)));
  return diverging ? 0.5 + 0.5 * Math.sign(value) * share : value > 0 ? share : 0;
}

/** How many decimal places are certain where a cell is rounded to one of `steps` shares of its row's largest. */
function certainDigits(largest, steps, most) {
  if (!steps || largest === 0) return most;
  return Math.max(1, Math.min(most, Math.floor(Math.log10(steps / largest))));
}

const STEPS = { u1: 255, i2: 32767 };

/** A block's bytes as its numbers, row after row; where they are rounded, each row's largest and each column's mean. */
function readNumbers(kind, buffer, rows, columns) {
  if (kind === "f4") return { values: new Float32Array(buffer), largest: null, means: null };
  if (kind === "f8") return { values: new Float64Array(buffer), largest: null, means: null };
  const means = new Float32Array(buffer, 0, columns);
  const largest = new Float32Array(buffer, 4 * columns, rows);
  const start = 4 * (rows + columns);
  const cells = kind === "u1" ? new Uint8Array(buffer, start) : new Int16Array(buffer, start);
  const values = new Float64Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row += 1) {
    const step = largest[row] / STEPS[kind];
    for (let column = 0; column < columns; column += 1, at += 1) values[at] = cells[at] * step;
  }
  return { values, largest, means };
}

/** A mask's bytes as one number a cell: 1 where looking is forbidden. */
function readMask(buffer, count) {
  const bits = new Uint8Array(buffer);
  const forbidden = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) forbidden[at] = (bits[at >> 3] >> (7 - (at & 7))) & 1;
  return forbidden;
}

/** The bytes of a block's text: base64, then deflate, opened by the browser itself. */
async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const inflating = new DecompressionStream("deflate");
  const writer = inflating.writable.getWriter();
  const writing = Promise.all([writer.write(bytes), writer.close()]);
  const [opened] = await Promise.all([new Response(inflating.readable).arrayBuffer(), writing]);
  return opened;
}
