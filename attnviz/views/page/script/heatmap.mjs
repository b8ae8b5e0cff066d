// The heatmap of one head, with a panel for each side.

import { bytesOf, inkAt, inkOn, paletteOf, scaleEnd, shadeOf, shaderOf } from "./colors.mjs";
import { COLUMNS, ROWS, SIDES, data } from "./data.mjs";
import { drawColumnLabel, drawOutlinedFrame, drawSideTitle } from "./drawing.mjs";
import { pureDecimal } from "./numbers.mjs";
import { mixed, strengthOf } from "./overlay.mjs";
import { cellText, isForbidden, isHidden, scaleOf, valueAt } from "./sheets.mjs";
import { shorten, widestOf, widthOf } from "./text_measure.mjs";

const LARGEST_CELL = 96;
/** Pixels between panels, and on a narrow screen. */
const GAP = 24;
const NARROW_GAP = 12;

/** So many rows keep all their labels: the view is rather higher than its room. */
const FEW_ROWS = 8;

/** Lay the panels out with the largest labels of which none is slanted or left out, else none is left out. */
function layOut({ sheets, state }, space) {
  const isNarrow = space.width < 520;
  const words = Math.max(ROWS, COLUMNS);
  const sizes = words > 24 ? [13] : words > 6 || (isNarrow && SIDES > 1) ? [16, 13] : [20, 16, 13];
  const tried = sizes.map((size) => layOutPanels(sheets, state, space, { size, isNarrow }));
  const isWhole = ({ cell, size }) => labelStep(cell, size) === 1;
  return tried.find((plan) => !plan.slanted && isWhole(plan)) ?? tried.find(isWhole) ?? tried[0];
}

/** Lay the panels out, side by side where there is room, with labels of a size. */
function layOutPanels(sheets, state, space, { size, isNarrow }) {
  const mostLabel = isNarrow ? 84 : 150;
  const gap = isNarrow ? NARROW_GAP : GAP;
  const rowsWidth = 12 + widestOf(data.rows, size, mostLabel);
  const columnsWidth = widestOf(data.columns, size, mostLabel);
  const title = SIDES > 1 ? 34 : 0;
  const across = SIDES > 1 && (space.width / SIDES - rowsWidth - 20) / COLUMNS >= 18 ? SIDES : 1;
  const room = (space.width - (across - 1) * gap) / across;
  const grid = gridFor({ room, height: space.height - title, rowsWidth, columnsWidth, size, zoom: state.zoom });
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
}

/** Choose the side of a cell and the room for column labels: upright where they fit a cell, else slanted. */
function gridFor({ room, height, rowsWidth, columnsWidth, size, zoom }) {
  const whole = (wanted) => Math.max(1, Math.floor(wanted * devicePixelRatio) / devicePixelRatio);
  const grow = (cell) => whole(Math.min(LARGEST_CELL, Math.max(1, cell) * 1.5 ** zoom));
  const flatTop = size + 14;
  const flat = grow(Math.min((room - rowsWidth - 2) / COLUMNS, (height - flatTop) / ROWS, LARGEST_CELL));
  if (columnsWidth + 6 <= flat) return { cell: flat, top: flatTop, overhang: 2, slanted: false };
  const slant = columnsWidth * Math.SQRT1_2 + size;
  const high = Math.max((height - slant - 6) / ROWS, ROWS <= FEW_ROWS ? size + 5 : 0);
  const wanted = Math.min((room - rowsWidth - slant) / COLUMNS, high, 56);
  return { cell: grow(wanted), top: slant + 6, overhang: slant, slanted: true };
}

/** Draw the cells in sight; labels stay at the edge of what is seen. */
function draw(scene, painter, plan, seen) {
  for (const panel of plan.panels) {
    const left = panel.x + plan.rowsWidth;
    const top = panel.y + plan.title + plan.top;
    const stickX = Math.max(left, Math.min(seen.x + plan.rowsWidth, left + plan.cell * (COLUMNS - 1)));
    const stickY = Math.max(top, Math.min(seen.y + plan.top, top + plan.cell * (ROWS - 1)));
    const part = partInSight(plan, { left, top, stickX, stickY }, seen);
    if (!part) continue;
    const grid = { cell: plan.cell, left, top, part };
    painter.clip(stickX, stickY, left + plan.cell * COLUMNS - stickX + 2, top + plan.cell * ROWS - stickY + 2, () => {
      if (scene.over) drawLayers(scene, painter, grid);
      else drawCells(scene, painter, panel.sheet, grid);
      drawMarks(scene, painter, grid);
    });
    drawRowLabels(scene, painter, plan, grid, stickX);
    drawColumnLabels(scene, painter, plan, grid, stickY);
    const room = plan.cell * COLUMNS + plan.overhang;
    if (plan.title) drawSideTitle(scene, painter, panel.sheet.side, left, panel.y + 14, room);
  }
}

/** Return the rows and columns in sight, right of and below the labels, or null. */
function partInSight(plan, { left, top, stickX, stickY }, seen) {
  const part = {
    column0: Math.max(0, Math.floor((stickX - left) / plan.cell)),
    column1: Math.min(COLUMNS, Math.ceil((seen.x + seen.width - left) / plan.cell)),
    row0: Math.max(0, Math.floor((stickY - top) / plan.cell)),
    row1: Math.min(ROWS, Math.ceil((seen.y + seen.height - top) / plan.cell)),
  };
  return part.column1 > part.column0 && part.row1 > part.row0 ? part : null;
}

/** Return the rectangle of a part of the grid, and its count of rows and columns. */
function rectangleOf({ cell, left, top, part }) {
  const columns = part.column1 - part.column0;
  const rows = part.row1 - part.row0;
  return {
    columns, rows, x: left + part.column0 * cell, y: top + part.row0 * cell, width: columns * cell, height: rows * cell,
  };
}

function drawCells(scene, painter, sheet, grid) {
  const { columns, rows, x, y, width, height } = rectangleOf(grid);
  if (sheet.forbidden) painter.hatch(x, y, width, height);
  painter.cells(x, y, width, height, keptPixels(scene, sheet, grid.part, columns, rows), columns, rows);
  if (grid.cell >= 30) drawNumbers(scene, painter, sheet, grid);
}

/** Return the pixels of a part; they are kept with the sheet until another part or colouring is drawn. */
function keptPixels(scene, sheet, part, columns, rows) {
  const { colours, least } = scene.state;
  const key = [part.row0, part.column0, rows, columns, colours, least, scene.theme.paper].join(" ");
  if (!sheet.pixels || sheet.pixels.key !== key) {
    sheet.pixels = { key, bytes: pixelsOf(scene, sheet, part, columns, rows) };
  }
  return sheet.pixels.bytes;
}

/** Return RGBA bytes, one pixel a cell; forbidden cells stay clear, hidden ones take the colour of the paper. */
function pixelsOf({ state, theme, threshold }, sheet, part, columns, rows) {
  const pixels = new Uint8ClampedArray(4 * columns * rows);
  const palette = paletteOf(sheet.side);
  const paper = bytesOf(theme.paper);
  const shader = shaderOf(sheet.side, state.colours);
  let at = 0;
  for (let row = part.row0; row < part.row1; row += 1) {
    const high = scaleEnd(sheet, row, state.colours);
    for (let column = part.column0; column < part.column1; column += 1, at += 4) {
      if (isForbidden(sheet, row, column)) continue;
      const hidden = isHidden(sheet, row, column, threshold);
      const from = hidden ? 0 : 3 * shader(high, valueAt(sheet, row, column));
      const source = hidden ? paper : palette;
      pixels[at] = source[from];
      pixels[at + 1] = source[from + 1];
      pixels[at + 2] = source[from + 2];
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

/** Pixels of a head's stripe in a cell, at least. */
const LEAST_STRIPE = 3;

/** Draw the heads over each other: a stripe of each in a cell, or in small cells the strongest of them alone. */
function drawLayers(scene, painter, grid) {
  const { over, theme } = scene;
  const { columns, rows, x, y, width, height } = rectangleOf(grid);
  const stripes = grid.cell >= LEAST_STRIPE * over.length ? over.length : 1;
  if (over.some(({ sheet }) => sheet.forbidden)) painter.hatch(x, y, width, height);
  painter.cells(x, y, width, height, layeredPixels(scene, grid.part, stripes), columns * stripes, rows);
  const gap = grid.cell >= 20 ? 3 : grid.cell >= 10 ? 1 : 0;
  for (let column = 1; gap && column < columns; column += 1) {
    painter.rect(x + column * grid.cell - gap / 2, y, gap, height, theme.paper);
  }
  for (let row = 1; gap && row < rows; row += 1) {
    painter.rect(x, y + row * grid.cell - gap / 2, width, gap, theme.paper);
  }
  if (grid.cell / over.length >= 30) drawLayeredNumbers(scene, painter, grid);
}

/** Return RGBA bytes, one pixel a stripe; a cell that every head forbids stays clear. */
function layeredPixels(scene, part, stripes) {
  const { over, theme } = scene;
  const pixels = new Uint8ClampedArray(4 * stripes * (part.column1 - part.column0) * (part.row1 - part.row0));
  let at = 0;
  for (let row = part.row0; row < part.row1; row += 1) {
    for (let column = part.column0; column < part.column1; column += 1) {
      const isClear = over.every(({ sheet }) => isForbidden(sheet, row, column));
      const cells = over.map(({ colour, sheet }) => ({ colour, strength: strengthOf(scene, sheet, row, column) }));
      const shown = stripes > 1 ? cells : [cells.reduce((a, b) => (b.strength > a.strength ? b : a))];
      for (const { colour, strength } of shown) {
        if (!isClear) pixels.set([...mixed(theme.paper, colour, strength), 255], at);
        at += 4;
      }
    }
  }
  return pixels;
}

function drawLayeredNumbers(scene, painter, { cell, left, top, part }) {
  const { over, theme } = scene;
  const wide = cell / over.length;
  const size = Math.min(18, Math.floor((wide - 4) / (0.64 * (pureDecimal("0.").length + data.digits))));
  if (size < 9) return;
  for (let row = part.row0; row < part.row1; row += 1) {
    for (let column = part.column0; column < part.column1; column += 1) {
      over.forEach(({ colour, sheet }, at) => {
        const color = inkOn(mixed(theme.paper, colour, strengthOf(scene, sheet, row, column)));
        const x = left + column * cell + (at + 0.5) * wide;
        painter.text(cellText(sheet, row, column), x, top + (row + 0.5) * cell, { size, color, align: "center" });
      });
    }
  }
}

function drawNumbers({ state, theme, threshold }, painter, sheet, { cell, left, top, part }) {
  const longest = pureDecimal("0.").length + data.digits + (scaleOf(sheet.side).diverging ? 1 : 0);
  const size = Math.min(24, Math.floor((cell - 6) / (0.64 * longest)));
  if (size < 9) return;
  for (let row = part.row0; row < part.row1; row += 1) {
    for (let column = part.column0; column < part.column1; column += 1) {
      const forbidden = isForbidden(sheet, row, column);
      if (!forbidden && isHidden(sheet, row, column, threshold)) continue;
      const high = scaleEnd(sheet, row, state.colours);
      const shade = shadeOf(sheet.side, state.colours, high, valueAt(sheet, row, column));
      const color = forbidden ? theme.soft : inkAt(sheet.side, shade);
      painter.text(cellText(sheet, row, column), left + (column + 0.5) * cell, top + (row + 0.5) * cell,
        { size, color, align: "center" });
    }
  }
}

/** Draw frames around the row and the column that are pointed at or chosen. */
function drawMarks({ row, column, theme }, painter, grid) {
  const { cell, left, top } = grid;
  const { x, y, width, height } = rectangleOf(grid);
  const thickness = cell < 8 ? 1.5 : 2.5;
  if (row !== null) {
    drawOutlinedFrame(painter, theme, { x, y: top + row * cell, width, height: cell }, theme.accent, thickness);
  }
  if (column !== null) {
    const thin = row === null ? thickness : 1.5;
    drawOutlinedFrame(painter, theme, { x: left + column * cell, y, width: cell, height }, theme.accent, thin);
  }
}

/** Return whether a label is drawn: every `step`-th and the chosen one, which its neighbours make room for. */
function isLabelled(at, chosen, step) {
  const near = chosen !== null && Math.abs(at - chosen) < step;
  return at === chosen || (at % step === 0 && !near);
}

function labelStyle(theme, at, chosen, size) {
  const bold = at === chosen;
  return { size, bold, color: bold ? theme.accent : theme.ink };
}

function labelStep(cell, size) {
  return Math.max(1, Math.ceil((size * 1.3) / cell));
}

function drawRowLabels({ row: chosen, found, theme }, painter, { size, mostLabel }, { cell, top, part }, right) {
  const step = labelStep(cell, size);
  for (let row = part.row0; row < part.row1; row += 1) {
    if (!isLabelled(row, chosen, step)) continue;
    const style = labelStyle(theme, row, chosen, size);
    const words = shorten(data.rows[row], size, mostLabel, style.bold);
    const y = top + (row + 0.5) * cell;
    if (found.row.has(row)) {
      const width = widthOf(words, size, style.bold) + 6;
      painter.rect(right - 5 - width, y - size * 0.7, width, size * 1.4, theme.mark);
      style.color = theme.onMark;
    }
    painter.text(words, right - 8, y, { ...style, align: "right" });
  }
}

function drawColumnLabels({ column: chosen, found, theme }, painter, plan, { cell, left, part }, bottom) {
  const { size, mostLabel, slanted } = plan;
  const step = labelStep(cell, size);
  for (let column = part.column0; column < part.column1; column += 1) {
    if (!isLabelled(column, chosen, step)) continue;
    const style = labelStyle(theme, column, chosen, size);
    if (found.column.has(column)) style.color = theme.found;
    const words = shorten(data.columns[column], size, mostLabel, style.bold);
    drawColumnLabel(painter, words, left + (column + 0.5) * cell, bottom, { ...style, slanted });
  }
}

/** Return the cell, the row or the column at a point. @returns {import("./scene.mjs").Hover} */
function hit(plan, x, y) {
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
}

/** Return the square of the chosen cell in the first panel, and the room that labels take left of and above it. */
function spot({ word, other }, plan) {
  const panel = plan.panels[0];
  return {
    x: panel.x + plan.rowsWidth + other * plan.cell, y: panel.y + plan.title + plan.top + word * plan.cell,
    width: plan.cell, height: plan.cell, left: plan.rowsWidth, top: plan.top,
  };
}

/** @type {import("./views.mjs").View} */
export const heatmap = { layOut, draw, hit, spot };
