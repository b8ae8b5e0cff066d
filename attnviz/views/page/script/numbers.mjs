// Number formats and positions on a colour scale. The functions marked "as in Python" repeat Python functions of
// attnviz; attnviz/views/page/__init__.py lists the pairs, and tests compare them.

/** Round to the nearest integer, ties to even, as numpy.rint does. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const part = value - below;
  if (part !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Return a number of at least 0 as the page's language writes it, as in Python: .331 in English, 0.331 in Chinese. */
export function pureDecimal(written) {
  const isChinese = (globalThis.document?.documentElement?.lang ?? "en").startsWith("zh");
  return !isChinese && written.startsWith("0.") ? written.slice(1) : written;
}

/**
 * Format a number as the tables print it, as in Python: in English without a leading zero. "0" is exactly 0; ".000" is
 * a number that is too small for the digits.
 *
 * @param {number} value
 * @param {number} digits decimal places, fewer where the whole part is long
 * @param {boolean} plus whether positive numbers get a sign
 * @returns {string}
 */
export function formatNumber(value, digits, plus = false) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const whole = size >= 1 ? String(Math.floor(size)).length : 0;
  const places = size.toFixed(Math.min(digits, 9 - whole));
  const isNothing = Number(places) === 0; // nobody can see on which side of 0 it is
  const sign = isNothing ? "" : value < 0 ? "\u2212" : plus ? "+" : "";
  return sign + pureDecimal(places);
}

/** Return the position of a number on a linear scale from low to high, 0 to 1, as in Python. */
export function placeLinear(low, high, diverging, value) {
  if (high <= low) return diverging ? 0.5 : 0;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** Return the position of a number on a logarithmic scale from `floor` to `high` either way, 0 to 1, as in Python. */
export function placeLog(floor, high, diverging, value) {
  if (high <= 0) return diverging ? 0.5 : 0;
  const size = Math.abs(value);
  let share = size >= floor ? 1 : 0;
  if (floor < high) share = Math.min(1, Math.max(0, Math.log(Math.max(size, floor) / floor) / Math.log(high / floor)));
  return diverging ? 0.5 + 0.5 * Math.sign(value) * share : value > 0 ? share : 0;
}

const DECADES = 4;

/**
 * Return the floor of a logarithmic scale, as in Python: the smallest absolute number that is not 0, at most four
 * decades below `high`.
 */
export function logFloor(numbers, high) {
  let smallest = Infinity;
  for (const number of numbers) if (number !== 0) smallest = Math.min(smallest, Math.abs(number));
  return Math.min(Math.max(smallest, high / 10 ** DECADES), high);
}

/** Return the largest absolute number, 0 of none. */
export function largestSize(numbers) {
  return numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/**
 * Return how many decimal places of a rounded cell are certain.
 *
 * @param {number} largest the largest number in the cell's row
 * @param {number|undefined} steps the cell is rounded to one of so many shares of `largest`; none: it is exact
 * @param {number} most the decimal places wanted
 * @returns {number} 1 to `most`
 */
export function certainDigits(largest, steps, most) {
  if (!steps || largest === 0) return most;
  return Math.max(1, Math.min(most, Math.floor(Math.log10(steps / largest))));
}
