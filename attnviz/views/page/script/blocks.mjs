// Decoding of the page's blocks of numbers; attnviz/views/page/payload.py encodes them and describes the format.

/** Into how many steps a row's largest number is divided, for each rounded encoding. */
export const STEPS = { u1: 255, i2: 32767 };

/**
 * Decode the bytes of a matrix.
 *
 * @param {string} kind "f4" or "f8": exact; "u1" or "i2": rounded to a share of the row's largest
 * @param {ArrayBuffer} buffer
 * @param {number} rows
 * @param {number} columns
 * @returns {{values: Float32Array|Float64Array, largest: ?Float32Array, means: ?Float32Array}} the cells row by row;
 *   of a rounded matrix also the largest number of each row and the exact mean of each column
 */
export function readNumbers(kind, buffer, rows, columns) {
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

/** Decode a mask of `count` cells to a Uint8Array: 1 where attending is forbidden. */
export function readMask(buffer, count) {
  const bits = new Uint8Array(buffer);
  const forbidden = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) forbidden[at] = (bits[at >> 3] >> (7 - (at & 7))) & 1;
  return forbidden;
}

/** Decode base64 and inflate, with the browser's own DecompressionStream; resolves to an ArrayBuffer. */
export async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const inflating = new DecompressionStream("deflate");
  const writer = inflating.writable.getWriter();
  const writing = Promise.all([writer.write(bytes), writer.close()]);
  const [opened] = await Promise.all([new Response(inflating.readable).arrayBuffer(), writing]);
  return opened;
}
