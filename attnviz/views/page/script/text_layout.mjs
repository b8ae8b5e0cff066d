// A text in lines: where each word stands when it is drawn, as arcs and saved pictures need it.

/** Boxes of a text's words in lines of `room` pixels: {boxes: [word] -> [{x, y, width, words}], plain, height}. */
function layText(text, labels, { room, size, pad, lineHeight, top = 0 }) {
  const pen = { x: 0, y: top, room, size, pad, lineHeight };
  const boxes = labels.map(() => []);
  const plain = [];
  text.words.forEach((word, at) => {
    layBetween(pen, text.gaps[at], plain);
    layWord(pen, labels[word], boxes[word]);
  });
  layBetween(pen, text.tail.trimEnd(), plain);
  return { boxes, plain, height: pen.y + lineHeight };
}

function layBetween(pen, gap, plain) {
  gap.split("\n").forEach((part, line) => {
    if (line > 0) turnLine(pen);
    const words = part.trim();
    if (words) {
      const before = [];
      layWord(pen, words, before);
      plain.push(...before);
    }
    if (part !== words && pen.x > 0) pen.x += pen.size * 0.28;
  });
}

function turnLine(pen) {
  pen.x = 0;
  pen.y += pen.lineHeight;
}

/** A word goes to the next line where it does not fit; one that is longer than a line is broken between characters. */
function layWord(pen, words, boxes) {
  const width = widthOf(words, pen.size) + 2 * pen.pad;
  if (pen.x > 0 && pen.x + width > pen.room) turnLine(pen);
  if (width <= pen.room) {
    layBox(pen, words, width, boxes);
    return;
  }
  let part = "";
  for (const cluster of clustersOf(words)) {
    if (part && widthOf(part + cluster, pen.size) + 2 * pen.pad > pen.room) {
      layBox(pen, part, widthOf(part, pen.size) + 2 * pen.pad, boxes);
      turnLine(pen);
      part = "";
    }
    part += cluster;
  }
  layBox(pen, part, widthOf(part, pen.size) + 2 * pen.pad, boxes);
}

function layBox(pen, words, width, boxes) {
  boxes.push({ x: pen.x, y: pen.y, width, words });
  pen.x += width;
}
