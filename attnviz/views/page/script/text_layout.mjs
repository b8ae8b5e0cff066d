// Layout of a text in lines: where each word is in drawn texts, as arcs and saved pictures need it.

import { clustersOf, directionOf, widthOf } from "./text_measure.mjs";

/**
 * @typedef {{x: number, y: number, width: number, words: string}} Box a piece of text on one line; y is its middle
 * @typedef {{boxes: Box[][], plain: Box[], height: number}} TextLayout the boxes of each word (several where it is
 *   broken), those of the text between words, and the height of all
 */

/**
 * Lay a text out in lines of `room` pixels.
 *
 * @param {import("./data.mjs").PageText} text
 * @param {string[]} labels of the axis that the text's words are on
 * @param {{room: number, size: number, pad: number, lineHeight: number, top?: number}} metrics `size` of the letters,
 *   `pad` on each side of a word
 * @returns {TextLayout}
 */
export function layOutText(text, labels, { room, size, pad, lineHeight, top = 0 }) {
  const pen = { x: 0, y: top, room, size, pad, lineHeight };
  const boxes = labels.map(() => []);
  const plain = [];
  text.words.forEach((word, at) => {
    placeGap(pen, text.gaps[at], plain);
    placeWord(pen, labels[word], boxes[word]);
  });
  placeGap(pen, text.tail.trimEnd(), plain);
  if (directionOfText(text.words.map((word) => labels[word])) === "rtl") mirror([...boxes.flat(), ...plain]);
  return { boxes, plain, height: pen.y + lineHeight };
}

/** Return how a text is read, by its first word with letters. */
export function directionOfText(words) {
  return directionOf(words.find(directionOf) ?? "") || "ltr";
}

/** Let lines run from their right edge to the left; in them runs of words from left to right keep their order. */
function mirror(boxes) {
  const edge = boxes.reduce((most, { x, width }) => Math.max(most, x + width), 0);
  let run = [];
  const turn = () => {
    const shift = run.length ? edge - run[0].x - run.at(-1).x - run.at(-1).width : 0;
    for (const box of run) box.x += shift;
    run = [];
  };
  for (const box of boxes.sort((a, b) => a.y - b.y || a.x - b.x)) {
    const isOfRun = directionOf(box.words) === "ltr";
    if (!isOfRun || (run.length && run[0].y !== box.y)) turn();
    if (isOfRun) run.push(box);
    else box.x = edge - box.x - box.width;
  }
  turn();
}

function placeGap(pen, gap, plain) {
  gap.split("\n").forEach((part, line) => {
    if (line > 0) startLine(pen);
    const words = part.trim();
    if (words) placeWord(pen, words, plain);
    if (part !== words && pen.x > 0) pen.x += pen.size * 0.28;
  });
}

function startLine(pen) {
  pen.x = 0;
  pen.y += pen.lineHeight;
}

/** Place a word on the next line if it does not fit; break one that is longer than a line between characters. */
function placeWord(pen, words, boxes) {
  const width = widthOf(words, pen.size) + 2 * pen.pad;
  if (pen.x > 0 && pen.x + width > pen.room) startLine(pen);
  if (width <= pen.room) {
    placeBox(pen, words, width, boxes);
    return;
  }
  let part = "";
  for (const cluster of clustersOf(words)) {
    if (part && widthOf(part + cluster, pen.size) + 2 * pen.pad > pen.room) {
      placeBox(pen, part, widthOf(part, pen.size) + 2 * pen.pad, boxes);
      startLine(pen);
      part = "";
    }
    part += cluster;
  }
  placeBox(pen, part, widthOf(part, pen.size) + 2 * pen.pad, boxes);
}

function placeBox(pen, words, width, boxes) {
  boxes.push({ x: pen.x, y: pen.y, width, words });
  pen.x += width;
}
