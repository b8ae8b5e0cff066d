// Widths of text, and text cut or wrapped to a width, in pixels.

/** The fonts of pictures; the style sheet names the same ones. */
export const FONT_FAMILY = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", '
  + '"Noto Sans CJK SC", "Noto Sans SC", sans-serif';

/** Return a font as a canvas takes it. */
export function fontOf(size, bold) {
  return `${bold ? "600 " : ""}${size}px ${FONT_FAMILY}`;
}

const ruler = document.createElement("canvas").getContext("2d");
/** Widths that were measured, by font and text. */
const widths = new Map();

/** A letter of a script that is read from right to left: from Hebrew to Arabic, and their later ranges. */
const FROM_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Return how a text is read, "ltr" or "rtl", by its first letter; "" without one. */
export function directionOf(text) {
  const [letter] = /\p{L}/u.exec(text) ?? [];
  return letter === undefined ? "" : FROM_RIGHT.test(letter) ? "rtl" : "ltr";
}

/** Return a word so that a sentence around it keeps its order, whichever way the word is read. */
export function isolated(word) {
  return FROM_RIGHT.test(word) ? `\u2068${word}\u2069` : word;
}

/** Return the width of a text on one line. */
export function widthOf(text, size, bold = false) {
  const key = `${bold ? "b" : "n"}${size} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    ruler.font = fontOf(size, bold);
    width = ruler.measureText(text).width;
    if (widths.size > 20000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/** Return the width of the widest label in bold, at most `most`. */
export function widestOf(labels, size, most) {
  let width = 0;
  for (const label of labels) width = Math.max(width, Math.min(most, widthOf(label, size, true)));
  return width;
}

const segmenter = typeof Intl !== "undefined" && Intl.Segmenter ? new Intl.Segmenter() : null;

/** Split a text into grapheme clusters, what a reader takes for single characters. */
export function clustersOf(text) {
  return segmenter ? Array.from(segmenter.segment(text), (each) => each.segment) : Array.from(text);
}

/** Shorten a text to at most `room` pixels: its beginning and its end, with ⋯ in place of what is left out. */
export function shorten(text, size, room, bold = false) {
  if (widthOf(text, size, bold) <= room) return text;
  const clusters = clustersOf(text);
  let low = 0;
  let high = clusters.length - 1;
  const cut = (kept) => clusters.slice(0, Math.ceil(kept / 2)).join("") + "⋯"
    + (kept > 1 ? clusters.slice(-Math.floor(kept / 2)).join("") : "");
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(cut(middle), size, bold) <= room) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

/** Wrap a text into lines of at most `room` pixels, after white space or Chinese punctuation. @returns {string[]} */
export function wrap(text, size, room) {
  const lines = [];
  let line = "";
  for (const part of text.split(/(?<=[\s，。；：·])/)) {
    if (line && widthOf(line + part, size) > room) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += part;
  }
  return [...lines, line];
}
