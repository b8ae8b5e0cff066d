// The map over a picture: what the chosen patch or special token gives to each patch, or what each receives.

import { paletteOf, scaleEnd, shaderOf } from "./colors.mjs";
import { COLUMNS, data } from "./data.mjs";
import { drawOutlinedFrame } from "./drawing.mjs";
import { largestSize, logFloor } from "./numbers.mjs";
import { columnMeans, isForbidden, isHidden, isRemoved, isUnseen, valueAt } from "./sheets.mjs";
import { widthOf } from "./text_measure.mjs";

/** @typedef {import("./scene.mjs").Scene} Scene */

const SIZE = 14; // of the names of special tokens
const CHIP = 26;
const GAP = 10;
/** The share of a patch's colour at weight 0, and how much it grows to the end of the scale; as in Python. */
const SHARE = [0.3, 0.55];
const GRAY = [0.299 * 0.75, 0.587 * 0.75, 0.114 * 0.75];

/** The picture in dimmed grey, once it is decoded; null without one. */
const ground = { picture: null };

/** Decode the picture, so that it can be drawn. */
export async function openPicture() {
  if (!data.patches || !data.patches.picture || ground.picture) return;
  const image = new Image();
  image.src = data.patches.picture;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const shown = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < shown.data.length; at += 4) {
    const level = GRAY[0] * shown.data[at] + GRAY[1] * shown.data[at + 1] + GRAY[2] * shown.data[at + 2];
    shown.data.fill(Math.round(level), at, at + 3);
  }
  pen.putImageData(shown, 0, 0);
  ground.picture = canvas;
}

/** Return the row of the token in this place of the picture, or null where it is not shown. */
function rowAt(cell) {
  const row = data.patches.rowCells.indexOf(cell);
  return row < 0 ? null : row;
}

/** Return the rows of the tokens that are no patches. */
function specialRows() {
  return data.patches.rowCells.flatMap((cell, row) => (cell < 0 ? [row] : []));
}

/** Lay the picture out, as large as there is room for, below the names of special tokens. */
function layOut(_, space) {
  const chips = [];
  let x = 0;
  for (const row of specialRows()) {
    const width = widthOf(data.rows[row], SIZE, true) + 16;
    if (x + width > space.width) break;
    chips.push({ row, x, y: 2, width, height: CHIP });
    x += width + GAP;
  }
  const top = chips.length ? CHIP + GAP + 2 : 2;
  const { aspect } = data.patches;
  const width = Math.max(120, Math.min(space.width - 4, (space.height - top - 4) * aspect));
  const picture = { x: 2, y: top, width, height: width / aspect };
  return { chips, picture, width: Math.max(width + 4, x), height: top + picture.height + 4 };
}

/**
 * Return the number of each column, the end of their scale and its floor: of the row that looks, or the means. Where
 * each row has a scale of its own it ends at the largest number of a patch.
 */
export function patchNumbers({ state, row }, sheet) {
  const patches = data.columns.map((_, column) => column)
    .filter((column) => data.patches.columnCells[column] >= 0 && !isRemoved(sheet, column));
  if (row === null) {
    const means = columnMeans(sheet);
    const shown = patches.map((column) => means[column]);
    const high = largestSize(shown);
    return { high, floor: logFloor(shown, high), values: (column) => means[column] };
  }
  const values = (column) => valueAt(sheet, row, column);
  const high = state.colours === "row" ? largestSize(patches.map(values)) : scaleEnd(sheet, row, state.colours);
  return { high, values };
}

/** Return RGBA bytes, one pixel a patch; what is hidden or forbidden stays clear. */
function pixelsOf(scene, sheet) {
  const { rows, columns, columnCells } = data.patches;
  const pixels = new Uint8ClampedArray(4 * rows * columns);
  const { row, state, threshold } = scene;
  const { high, floor, values } = patchNumbers(scene, sheet);
  const shader = shaderOf(sheet.side, state.colours, floor);
  const palette = paletteOf(sheet.side);
  for (let column = 0; column < COLUMNS; column += 1) {
    const hidden = row === null
      ? isUnseen(sheet, column)
      : isForbidden(sheet, row, column) || isHidden(sheet, row, column, threshold);
    if (columnCells[column] < 0 || hidden || isRemoved(sheet, column)) continue;
    const shade = shader(high, values(column));
    const at = 4 * columnCells[column];
    pixels.set(palette.subarray(3 * shade, 3 * shade + 3), at);
    pixels[at + 3] = ground.picture ? Math.round(255 * (SHARE[0] + (SHARE[1] * shade) / 255)) : 255;
  }
  return pixels;
}

/** Return the rectangle of a row's patch or name. */
function placeOf(plan, row) {
  const { rows, columns, rowCells } = data.patches;
  const cell = rowCells[row];
  if (cell < 0) return plan.chips.find((chip) => chip.row === row) ?? plan.picture;
  const { x, y, width, height } = plan.picture;
  const [wide, high] = [width / columns, height / rows];
  return { x: x + (cell % columns) * wide, y: y + Math.floor(cell / columns) * high, width: wide, height: high };
}

function draw(scene, painter, plan) {
  const { theme, row } = scene;
  const { x, y, width, height } = plan.picture;
  const { rows, columns } = data.patches;
  if (ground.picture) painter.smooth(x, y, width, height, ground.picture);
  painter.layer(x, y, width, height, pixelsOf(scene, scene.sheets[0]), columns, rows);
  for (const chip of plan.chips) {
    const chosen = chip.row === row;
    painter.frame(chip.x + 1, chip.y, chip.width - 2, chip.height, chosen ? theme.accent : theme.line, chosen ? 3 : 1);
    painter.text(data.rows[chip.row], chip.x + chip.width / 2, chip.y + chip.height / 2,
      { size: SIZE, color: theme.ink, align: "center", bold: chosen });
  }
  if (row !== null && data.patches.rowCells[row] >= 0) {
    drawOutlinedFrame(painter, theme, placeOf(plan, row), theme.accent, 2.5);
  }
}

/** Return the patch or the special token at a point. @returns {import("./scene.mjs").Hover} */
function hit(plan, x, y) {
  const isIn = (box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
  const chip = plan.chips.find(isIn);
  if (chip) return { row: chip.row, column: null };
  if (!isIn(plan.picture)) return null;
  const { rows, columns } = data.patches;
  const column = Math.floor(((x - plan.picture.x) / plan.picture.width) * columns);
  const row = rowAt(Math.floor(((y - plan.picture.y) / plan.picture.height) * rows) * columns + column);
  return row === null ? null : { row, column: null };
}

function spot({ word }, plan) {
  return { ...placeOf(plan, word ?? 0), left: 0, top: 0 };
}

/** Return the row that a step [down, right] from a row leads to; special tokens stand before the first patch. */
export function movedPatch(word, [down, right]) {
  const { rows, columns, rowCells } = data.patches;
  const special = specialRows();
  if (word === null) return down === Infinity ? rowCells.length - 1 : 0;
  if (Math.abs(down) === Infinity) return down > 0 ? rowCells.length - 1 : 0;
  if (rowCells[word] < 0) {
    const at = special.indexOf(word);
    return down > 0 ? rowAt(0) ?? word : special[Math.max(0, at + right)] ?? rowAt(0) ?? word;
  }
  const [row, column] = [Math.floor(rowCells[word] / columns) + down, (rowCells[word] % columns) + right];
  if (row < 0) return special[0] ?? word;
  if (row >= rows || column < 0 || column >= columns) return word;
  return rowAt(row * columns + column) ?? word;
}

/** @type {import("./views.mjs").View} */
export const patchMap = { layOut, draw, hit, spot };
