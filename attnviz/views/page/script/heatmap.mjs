// The drawn views. Each lays itself out in a space, draws the part that is seen, and tells what lies at a point.

const LARGEST_CELL = 96;

// --- heatmap -------------------------------------------------------------------------------------------------------

const matrix = {
  layOut(space, sheets) {
    const size = Math.max(ROWS, COLUMNS) <= 6 ? 20 : Math.max(ROWS, COLUMNS) <= 24 ? 16 : 13;
    const narrow = space.width < 520;
    const mostLabel = narrow ? 84 : 150;
    const rowsWidth = 12 + widest(book.rows, size, mostLabel);
    const columnsWidth = widest(book.columns, size, mostLabel);
    const title = SIDES > 1 ? 34 : 0;
    const across = SIDES > 1 && (space.width / SIDES - rowsWidth - 20) / COLUMNS >= 18 ? SIDES : 1;
    const gap = 24;
    const room = (space.width - (across - 1) * gap) / across;
    const grid = gridFor({ room, height: space.height - title, rowsWidth, columnsWidth, size });
    const panel = { width: rowsWidth + grid.cell * COLUMNS + grid.overhang, height: title + grid.top + grid.cell * ROWS };
    const panels = sheets.map((sheet, side) => ({
      sheet,
      x: (side % across) * (panel.width + gap),
      y: Math.floor(side / across) * (panel.height + gap),
    }));
    return {
      ...grid, size, rowsWidth, columnsWidth, mostLabel, title, panels, panel,
      width: across * panel.width + (across - 1) * gap,
      height: (SIDES / across) * panel.height + (SIDES / across - 1) * gap,
    };
  },

  draw(painter, plan, seen) {
    for (const panel of plan.panels) {
      const left = panel.x + plan.rowsWidth;
      const top = panel.y + plan.title + plan.top;
      const stickX = Math.max(left, Math.min(seen.x + plan.rowsWidth, left + plan.cell * (COLUMNS - 1)));
      const stickY = Math.max(top, Math.min(seen.y + plan.top, top + plan.cell * (ROWS - 1)));
      const part = seenCells(plan, left, top, stickX, stickY, seen);
      if (!part) continue;
      painter.clip(stickX, stickY, left + plan.cell * COLUMNS - stickX + 2, top + plan.cell * ROWS - stickY + 2, () => {
        drawCells(painter, plan, panel.sheet, left, top, part);
        drawMarks(painter, plan, panel.sheet, left, top, part);
      });
      drawRowLabels(painter, plan, stickX, top, part);
      drawColumnLabels(painter, plan, left, stickY, part);
      if (plan.title) drawTitle(painter, panel.sheet.side, left, panel.y + 14, plan.cell * COLUMNS + plan.overhang);
    }
  },

  hit(plan, x, y) {
    for (const panel of plan.panels) {
      const column = Math.floor((x - panel.x - plan.rowsWidth) / plan.cell);
      const row = Math.floor((y - panel.y - plan.title - plan.top) / plan.cell);
      const inRows = row >= 0 && row < ROWS;
      const inColumns = column >= 0 && column < COLUMNS;
      const inPanel = x >= panel.x && x < panel.x + plan.panel.width && y >= panel.y && y < panel.y + plan.panel.height;
      if (inRows && inColumns) return { row, column, side: panel.sheet.side };
      if (inPanel && inRows && column < 0) return { row, column: null, side: panel.sheet.side };
      if (inPanel && inColumns && row < 0) return { row: null, column, side: panel.sheet.side };
    }
    return null;
  },

  /** The square of a cell in the first panel, to scroll it into sight. */
  spot(plan, row, column) {
    const panel = plan.panels[0];
    return {
      x: panel.x + plan.rowsWidth + column * plan.cell, y: panel.y + plan.title + plan.top + row * plan.cell,
      width: plan.cell, height: plan.cell, left: plan.rowsWidth, top: plan.top,
    };
  },
};

function widest(labels, size, most) {
  let width = 0;
  for (const label of labels) width = Math.max(width, Math.min(most, widthOf(label, size, true)));
  return width;
}

/** The side of a cell, and the room that column labels need: upright where they fit a cell, else slanted. */
function gridFor({ room, height, rowsWidth, columnsWidth, size }) {
  const whole = (wanted) => Math.max(1, Math.floor(wanted * devicePixelRatio) / devicePixelRatio);
  const grow = (cell) => whole(Math.min(LARGEST_CELL, Math.max(1, cell) * 1.5 ** state.zoom));
  const flatTop = size + 14;
  const flat = grow(Math.min((room - rowsWidth - 2) / COLUMNS, (height - flatTop) / ROWS, LARGEST_CELL));
  if (columnsWidth + 6 <= flat) return { cell: flat, top: flatTop, overhang: 2, slanted: false };
  const slant = columnsWidth * Math.SQRT1_2 + size;
  const wanted = Math.min((room - rowsWidth - slant) / COLUMNS, (height - slant - 6) / ROWS, 56);
  return { cell: grow(wanted), top: slant + 6, overhang: slant, slanted: true };
}

/** The rows and columns that are in sight, right and below of the labels. */
function seenCells(plan, left, top, stickX, stickY, seen) {
  const part = {
    column0: Math.max(0, Math.floor((stickX - left) / plan.cell)),
    column1: Math.min(COLUMNS, Math.ceil((seen.x + seen.width - left) / plan.cell)),
    row0: Math.max(0, Math.floor((stickY - top) / plan.cell)),
    row1: Math.min(ROWS, Math.ceil((seen.y + seen.height - top) / plan.cell)),
  };
  return part.column1 > part.column0 && part.row1 > part.row0 ? part : null;
}

function drawCells(painter, plan, sheet, left, top, part) {
  const columns = part.column1 - part.column0;
  const rows = part.row1 - part.row0;
  const x = left + part.column0 * plan.cell;
  const y = top + part.row0 * plan.cell;
  if (sheet.forbidden) painter.hatch(x, y, columns * plan.cell, rows * plan.cell);
  painter.cells(x, y, columns * plan.cell, rows * plan.cell, shownPixels(sheet, part, columns, rows), columns, rows);
  if (plan.cell >= 30) drawNumbers(painter, plan, sheet, left, top, part);
}

/** The pixels of the part that is seen; kept until something else is, so that pointing costs nothing. */
function shownPixels(sheet, part, columns, rows) {
  const key = [part.row0, part.column0, rows, columns, state.colours, state.least, look.paper].join(" ");
  if (!sheet.pixels || sheet.pixels.key !== key) sheet.pixels = { key, bytes: pixelsOf(sheet, part, columns, rows) };
  return sheet.pixels.bytes;
}

/** One pixel a cell; forbidden cells stay clear, hidden ones take the paper's colour. */
function pixelsOf(sheet, part, columns, rows) {
  const pixels = new Uint8ClampedArray(4 * columns * rows);
  const palette = coloursAsBytes(sheet.side);
  const paper = bytesOf(look.paper);
  const shadeNow = shaderOf(sheet.side);
  let at = 0;
  for (let row = part.row0; row < part.row1; row += 1) {
    const high = highFor(sheet, row);
    for (let column = part.column0; column < part.column1; column += 1, at += 4) {
      if (isForbidden(sheet, row, column)) continue;
      const hidden = isHidden(sheet, row, column);
      const from = hidden ? 0 : 3 * shadeNow(high, valueAt(sheet, row, column));
      const source = hidden ? paper : palette;
      pixels[at] = source[from];
      pixels[at + 1] = source[from + 1];
      pixels[at + 2] = source[from + 2];
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

function bytesOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function drawNumbers(painter, plan, sheet, left, top, part) {
  const longest = book.digits + 1 + (scaleOf(sheet.side).diverging ? 1 : 0);
  const size = Math.min(24, Math.floor((plan.cell - 6) / (0.64 * longest)));
  if (size < 9) return;
  for (let row = part.row0; row < part.row1; row += 1) {
    for (let column = part.column0; column < part.column1; column += 1) {
      if (isHidden(sheet, row, column) && !isForbidden(sheet, row, column)) continue;
      const shade = shadeOf(sheet.side, highFor(sheet, row), valueAt(sheet, row, column));
      const color = isForbidden(sheet, row, column) ? look.soft : inkAt(sheet.side, shade);
      painter.text(cellText(sheet, row, column), left + (column + 0.5) * plan.cell, top + (row + 0.5) * plan.cell,
        { size, color, align: "center" });
    }
  }
}

/** Frames around the chosen row, and around the row and column that are pointed at. */
function drawMarks(painter, plan, sheet, left, top, part) {
  const across = (part.column1 - part.column0) * plan.cell;
  const down = (part.row1 - part.row0) * plan.cell;
  const x = left + part.column0 * plan.cell;
  const y = top + part.row0 * plan.cell;
  const row = shownRow();
  const column = shownColumn();
  const thickness = plan.cell < 8 ? 1.5 : 2.5;
  if (row !== null) twice(painter, x, top + row * plan.cell, across, plan.cell, look.accent, thickness);
  if (column !== null) twice(painter, left + column * plan.cell, y, plan.cell, down, look.accent, row === null ? thickness : 1.5);
}

/** A frame that shows on every colour: a light line around it. */
function twice(painter, x, y, width, height, color, thickness) {
  painter.frame(x, y, width, height, look.paper, thickness + 2);
  painter.frame(x, y, width, height, color, thickness);
}

function labelStyle(at, chosen, size) {
  const bold = at === chosen;
  return { size, bold, color: bold ? look.accent : look.ink };
}

function labelStep(cell, size) {
  return Math.max(1, Math.ceil((size * 1.3) / cell));
}

function drawRowLabels(painter, plan, stickX, top, part) {
  const chosen = shownRow();
  const step = labelStep(plan.cell, plan.size);
  for (let row = part.row0; row < part.row1; row += 1) {
    const near = chosen !== null && row !== chosen && Math.abs(row - chosen) < step;
    if (row !== chosen && (row % step !== 0 || near)) continue;
    const style = labelStyle(row, chosen, plan.size);
    const words = shortened(book.rows[row], plan.size, plan.mostLabel, style.bold);
    const y = top + (row + 0.5) * plan.cell;
    if (isFound("row", row)) {
      const width = widthOf(words, plan.size, style.bold) + 6;
      painter.rect(stickX - 5 - width, y - plan.size * 0.7, width, plan.size * 1.4, look.mark);
      style.color = look.onMark;
    }
    painter.text(words, stickX - 8, y, { ...style, align: "right" });
  }
}

function drawColumnLabels(painter, plan, left, stickY, part) {
  const chosen = shownColumn();
  const step = labelStep(plan.cell, plan.size);
  for (let column = part.column0; column < part.column1; column += 1) {
    const near = chosen !== null && column !== chosen && Math.abs(column - chosen) < step;
    if (column !== chosen && (column % step !== 0 || near)) continue;
    const style = labelStyle(column, chosen, plan.size);
    if (isFound("column", column)) style.color = look.found;
    const words = shortened(book.columns[column], plan.size, plan.mostLabel, style.bold);
    const x = left + (column + 0.5) * plan.cell;
    if (plan.slanted) painter.text(words, x, stickY - 8, { ...style, turn: -45 });
    else painter.text(words, x, stickY - plan.size * 0.5 - 6, { ...style, align: "center" });
  }
}

function drawTitle(painter, side, x, y, room) {
  painter.text(shortened(nameOf(book.sides[side]), 15, room, true), x, y, { size: 15, color: look.ink, bold: true });
}

// --- arcs ----------------------------------------------------------------------------------------------------------

const MASS = 0.7;
const MOST_ARCS = 600;

const arcs = {
  layOut(space, sheets) {
    const panels = [];
    let y = 0;
    for (const sheet of sheets) {
      const panel = layArcs(sheet, space.width, y);
      panels.push(panel);
      y += panel.height + 16;
    }
    const boxes = panels.flatMap(({ from, to }) => [from, to]).flatMap((laid) => [...laid.boxes.flat(), ...laid.plain]);
    const width = boxes.reduce((most, box) => Math.max(most, box.x + box.width), 0) + 6;
    return { size: panels[0].size, panels, width, height: y - 16 };
  },

  draw(painter, plan, seen) {
    for (const panel of plan.panels) {
      if (panel.y > seen.y + seen.height || panel.y + panel.height < seen.y) continue;
      if (SIDES > 1) drawTitle(painter, panel.sheet.side, 4, panel.y + 14, plan.width - 8);
      for (const arc of arcsOf(panel.sheet)) drawArc(painter, panel, arc);
      drawBoxes(painter, plan, panel, panel.from, "row");
      if (panel.to !== panel.from) drawBoxes(painter, plan, panel, panel.to, "column");
    }
  },

  hit(plan, x, y) {
    for (const panel of plan.panels) {
      const row = boxAt(panel.from, panel, plan.size, x, y);
      if (row !== null) return { row, column: null, side: panel.sheet.side };
      const column = panel.to === panel.from ? null : boxAt(panel.to, panel, plan.size, x, y);
      if (column !== null) return { row: null, column, side: panel.sheet.side };
    }
    return null;
  },

  spot(plan, row, column) {
    const panel = plan.panels[0];
    const [box] = row === null ? panel.to.boxes[column] : panel.from.boxes[row];
    return { x: box.x, y: panel.y + box.y - 30, width: box.width, height: plan.size * 2 + 30, left: 0, top: 0 };
  },
};

/** One side's text with room for its curves: a text of one line is spread out, and gets high ones. */
function layArcs(sheet, width, y) {
  const title = SIDES > 1 ? 30 : 0;
  const source = book.texts[book.rowTexts[sheet.side]];
  const room = width - 12;
  const { size, pad, single } = spread(room);
  const rise = size * 0.95;
  const given = { room, size, pad, lineHeight: size * 1.5 + 34 };
  const high = single && !IS_CROSS ? Math.min(SIDES > 1 ? 130 : 280, Math.max(60, room * 0.28)) : 34;
  const head = title + high + rise + 12;
  const from = shifted(layText(source, book.rows, { ...given, top: head }), 6);
  let to = from;
  if (IS_CROSS) to = shifted(layText(book.texts[book.columnText], book.columns, { ...given, top: from.height + 110 }), 6);
  const height = to.height - given.lineHeight + size * 1.2;
  return { sheet, y, from, to, high, title, size, pad, rise, height };
}

/** The largest letters, and the room around each word, with which every text stands in one line; else small ones. */
function spread(room) {
  const gapsOf = (text, size) => text.gaps.reduce((sum, gap) => sum + (gap.trim() ? widthOf(gap, size) : gap ? size * 0.28 : 0), 0);
  const lengthOf = (text, at, size) => gapsOf(text, size)
    + (at === book.columnText ? book.columns : book.rows).reduce((sum, label) => sum + widthOf(label, size), 0);
  const hasLines = book.texts.some((text) => text.gaps.some((gap) => gap.includes("\n")));
  for (const size of hasLines ? [] : [30, 24, 19]) {
    const lengths = book.texts.map((text, at) => lengthOf(text, at, size));
    const free = Math.min(...book.texts.map((text, at) => (room - lengths[at] - 2) / text.words.length / 2));
    if (free >= 5) return { size, pad: Math.min(free, size * 1.5), single: true };
  }
  return { size: 16, pad: 4, single: false };
}

function shifted(laid, by) {
  for (const box of [...laid.boxes.flat(), ...laid.plain]) box.x += by;
  return laid;
}

/** The arcs to draw: all of the chosen word's, else each word's strongest up to a share of what it gives. */
function arcsOf(sheet) {
  const row = shownRow();
  const column = shownColumn();
  if (row !== null) return arcsFrom(sheet, row);
  if (column !== null) return arcsTo(sheet, column);
  const key = `${state.least}`;
  if (!sheet.strongest || sheet.strongest.key !== key) sheet.strongest = { key, shown: strongestArcs(sheet) };
  return sheet.strongest.shown;
}

/** Whether there is an arc: something is given, may be, and is not hidden. */
function isArc(sheet, row, column) {
  return valueAt(sheet, row, column) !== 0 && !isForbidden(sheet, row, column) && !isHidden(sheet, row, column);
}

/** All of a word's arcs, the strongest last. */
function arcsFrom(sheet, row) {
  const found = [];
  for (let column = 0; column < COLUMNS; column += 1) {
    if (isArc(sheet, row, column)) found.push({ row, column, value: valueAt(sheet, row, column) });
  }
  return bySize(found);
}

function bySize(found) {
  return found.sort((a, b) => Math.abs(a.value) - Math.abs(b.value));
}

/** Every word's strongest arcs, up to a share of what it gives, and of all these the strongest; the strongest last. */
function strongestArcs(sheet) {
  const sizes = new Float64Array(ROWS * COLUMNS);
  const leasts = new Float64Array(ROWS);
  let count = 0;
  for (let row = 0; row < ROWS; row += 1) {
    const start = count;
    for (let column = 0; column < COLUMNS; column += 1) {
      if (isArc(sheet, row, column)) sizes[count++] = Math.abs(valueAt(sheet, row, column));
    }
    const own = sizes.subarray(start, count).sort();
    leasts[row] = leastOfShare(own, MASS);
    const first = own.findIndex((size) => size >= leasts[row]);
    sizes.copyWithin(start, start + Math.max(first, 0), count);
    count -= Math.max(first, 0);
  }
  const kept = sizes.subarray(0, count).sort();
  const least = count > MOST_ARCS ? kept[count - MOST_ARCS] : 0;
  const found = [];
  for (let row = 0; row < ROWS; row += 1) {
    const limit = Math.max(leasts[row], least);
    for (let column = 0; column < COLUMNS; column += 1) {
      const value = valueAt(sheet, row, column);
      if (Math.abs(value) >= limit && isArc(sheet, row, column)) found.push({ row, column, value });
    }
  }
  return bySize(found).slice(-MOST_ARCS);
}

/** The smallest of the largest numbers that together are a share of their sum; the numbers stand in order. */
function leastOfShare(sorted, share) {
  const wanted = share * sorted.reduce((sum, size) => sum + size, 0);
  let mass = 0;
  let at = sorted.length;
  while (at > 0 && mass < wanted) mass += sorted[(at -= 1)];
  return sorted[at] ?? 0;
}

function arcsTo(sheet, column) {
  const found = [];
  for (let row = 0; row < ROWS; row += 1) {
    if (isArc(sheet, row, column)) found.push({ row, column, value: valueAt(sheet, row, column) });
  }
  return bySize(found);
}

function drawArc(painter, panel, arc) {
  const from = panel.from.boxes[arc.row][0];
  const to = panel.to.boxes[arc.column][0];
  if (!from || !to) return;
  const { sheet } = panel;
  const share = Math.min(1, Math.abs(arc.value) / (highFor(sheet, arc.row) || 1));
  const chosen = shownRow() !== null || shownColumn() !== null;
  const color = scaleOf(sheet.side).diverging ? colourAt(sheet.side, arc.value < 0 ? 30 : 225) : look.accent;
  const alpha = chosen ? 0.25 + 0.7 * share : 0.08 + 0.62 * share;
  painter.curve(bent(panel, from, to), color, Math.max(0.6, 9 * share), alpha);
}

/** The four points of a curve from one word to another: above their line, or between their lines. */
function bent(panel, from, to) {
  const middle = (box) => box.x + box.width / 2;
  const { rise } = panel;
  const a = [middle(from), panel.y + from.y];
  const b = [middle(to), panel.y + to.y];
  if (from === to) {
    const top = a[1] - rise;
    return [[a[0] - 5, top], [a[0] - 20, top - 30], [a[0] + 20, top - 30], [a[0] + 5, top]];
  }
  if (from.y === to.y) {
    const top = a[1] - rise;
    const across = b[0] - a[0];
    const height = (4 / 3) * Math.min(panel.high, 14 + Math.abs(across) * 0.42);
    return [[a[0], top], [a[0] + across * 0.12, top - height], [b[0] - across * 0.12, top - height], [b[0], top]];
  }
  const down = b[1] > a[1];
  const start = down ? a[1] + rise : a[1] - rise;
  const end = down ? b[1] - rise : b[1] + rise;
  const bend = (end - start) * 0.5;
  return [[a[0], start], [a[0], start + bend], [b[0], end - bend], [b[0], end]];
}

function drawBoxes(painter, plan, panel, laid, axis) {
  const chosen = axis === "row" ? shownRow() : shownColumn();
  for (const box of laid.plain) {
    painter.text(box.words, box.x + panel.pad, panel.y + box.y, { size: plan.size, color: look.soft });
  }
  laid.boxes.forEach((boxes, word) => boxes.forEach((box) => {
    const height = plan.size * 1.6;
    const width = box.width - 2 * panel.pad + 12;
    const x = box.x + panel.pad - 6;
    const style = { size: plan.size, color: look.ink, align: "center" };
    if (word === chosen) {
      painter.rect(x, panel.y + box.y - height / 2, width, height, look.accent);
      style.color = look.paper;
    } else if (isFound(axis, word)) {
      painter.rect(x, panel.y + box.y - height / 2, width, height, look.mark);
      style.color = look.onMark;
    }
    painter.text(box.words, box.x + box.width / 2, panel.y + box.y, style);
  }));
}

function boxAt(laid, panel, size, x, y) {
  for (let word = 0; word < laid.boxes.length; word += 1) {
    for (const box of laid.boxes[word]) {
      const inside = Math.abs(y - panel.y - box.y) <= size && x >= box.x && x < box.x + box.width;
      if (inside) return word;
    }
  }
  return null;
}

// --- all heads -----------------------------------------------------------------------------------------------------

const heads = {
  layOut(space) {
    const lines = book.layers.flatMap((layer, at) => book.sides.map((side, k) => ({ layer: at, side: k })));
    const size = 13;
    const most = Math.min(180, space.width * 0.3);
    const labels = lines.map(({ layer, side }) => lineName(layer, side));
    const left = 12 + widest(labels, size, most);
    const columnsWidth = widest(book.heads.map(nameOf), size, 120);
    const gap = book.heads.length > 16 ? 3 : 6;
    const room = (space.width - left) / book.heads.length - gap;
    const side = Math.floor(Math.max(26, Math.min(150, room, Math.max(40, (space.height - 60) / lines.length - gap))));
    const slanted = columnsWidth > side;
    const top = slanted ? columnsWidth * Math.SQRT1_2 + size : size + 12;
    const ratio = Math.max(0.25, Math.min(4, ROWS / COLUMNS));
    const tall = ratio > 1 ? side : Math.max(12, Math.round(side * ratio));
    const wide = ratio > 1 ? Math.max(12, Math.round(side / ratio)) : side;
    return {
      lines, labels, size, most, left, gap, top, wide, tall, slanted,
      width: left + (wide + gap) * book.heads.length + (slanted ? top : 0), height: top + (tall + gap) * lines.length + 4,
    };
  },

  draw(painter, plan, seen) {
    const stickX = Math.max(plan.left, seen.x + plan.left);
    const stickY = Math.max(plan.top, seen.y + plan.top);
    painter.clip(stickX - 3, stickY - 3, plan.width - stickX + 6, plan.height - stickY + 6, () => {
      plan.lines.forEach((line, at) => drawLineOfMaps(painter, plan, line, at, seen));
    });
    plan.labels.forEach((label, at) => {
      const y = plan.top + at * (plan.tall + plan.gap) + plan.tall / 2;
      if (y < stickY) return;
      const chosen = plan.lines[at].layer === state.layer;
      painter.text(shortened(label, plan.size, plan.most, chosen), stickX - 8, y,
        { size: plan.size, color: chosen ? look.accent : look.ink, align: "right", bold: chosen });
    });
    book.heads.forEach((head, at) => {
      const x = plan.left + at * (plan.wide + plan.gap) + plan.wide / 2;
      if (x < stickX) return;
      const chosen = at === state.head;
      const style = { size: plan.size, color: chosen ? look.accent : look.ink, bold: chosen };
      const words = shortened(nameOf(head), plan.size, 120, chosen);
      if (plan.slanted) painter.text(words, x, stickY - 8, { ...style, turn: -45 });
      else painter.text(words, x, stickY - plan.size / 2 - 6, { ...style, align: "center" });
    });
  },

  hit(plan, x, y) {
    const head = Math.floor((x - plan.left) / (plan.wide + plan.gap));
    const line = Math.floor((y - plan.top) / (plan.tall + plan.gap));
    if (head < 0 || head >= book.heads.length || line < 0 || line >= plan.lines.length) return null;
    return { layer: plan.lines[line].layer, head, side: plan.lines[line].side };
  },

  spot(plan) {
    const line = plan.lines.findIndex(({ layer }) => layer === state.layer);
    return {
      x: plan.left + state.head * (plan.wide + plan.gap), y: plan.top + line * (plan.tall + plan.gap),
      width: plan.wide, height: (plan.tall + plan.gap) * SIDES, left: plan.left, top: plan.top,
    };
  },
};

function lineName(layer, side) {
  const name = nameOf(book.layers[layer]) || nameOf(book.titles[0]) || "0";
  return SIDES > 1 ? `${name} · ${nameOf(book.sides[side])}` : name;
}

function drawLineOfMaps(painter, plan, line, at, seen) {
  const y = plan.top + at * (plan.tall + plan.gap);
  if (y > seen.y + seen.height || y + plan.tall < seen.y) return;
  for (let head = 0; head < book.heads.length; head += 1) {
    const x = plan.left + head * (plan.wide + plan.gap);
    if (x > seen.x + seen.width || x + plan.wide < seen.x) continue;
    const place = sheetPlace(line.layer, head, line.side);
    if (book.sheets[place].mask >= 0) painter.hatch(x, y, plan.wide, plan.tall);
    painter.picture(x, y, plan.wide, plan.tall, smallPicture(place, line.side));
    const chosen = line.layer === state.layer && head === state.head;
    const pointed = hover && hover.layer === line.layer && hover.head === head;
    if (chosen) twice(painter, x, y, plan.wide, plan.tall, look.accent, 2.5);
    else if (pointed) twice(painter, x, y, plan.wide, plan.tall, look.ink, 1.5);
    else painter.frame(x, y, plan.wide, plan.tall, look.line, 1);
  }
}

const smallPictures = new Map();

/** A small map as it is coloured now; each is made once. */
function smallPicture(place, side) {
  const key = `${place} ${state.colours}`;
  if (!smallPictures.has(key)) {
    smallPictures.set(key, pictureOf(smallPixels(place, side), book.small.columns, book.small.rows));
  }
  return smallPictures.get(key);
}

/** A small map's colours; byte 0 is forbidden and stays clear, 1 to 255 are shares of the map's largest. */
function smallPixels(place, side) {
  const { rows, columns } = book.small;
  const count = rows * columns;
  const { diverging, high } = scaleOf(side);
  const { reach } = book.sheets[place];
  const end = state.colours === "all" || state.colours === "log" ? high : reach;
  const palette = coloursAsBytes(side);
  const shades = Array.from({ length: 256 }, (_, byte) => {
    const share = (byte - 1) / 254;
    return byte ? 3 * shadeOf(side, end, reach * (diverging ? 2 * share - 1 : share)) : 0;
  });
  const pixels = new Uint8ClampedArray(4 * count);
  for (let cell = 0; cell < count; cell += 1) {
    const byte = smallBytes[place * count + cell];
    if (!byte) continue;
    pixels.set(palette.subarray(shades[byte], shades[byte] + 3), 4 * cell);
    pixels[4 * cell + 3] = 255;
  }
  return pixels;
}

const VIEWS = { matrix, arcs, heads };
