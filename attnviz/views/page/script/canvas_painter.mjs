// A painter that draws on a canvas. SvgPainter has the same methods, so that a view draws with either.

import { fontOf } from "./text_measure.mjs";

/** Make a canvas of RGBA pixels [rows * columns * 4]. */
export function pictureOf(pixels, columns, rows) {
  const picture = document.createElement("canvas");
  picture.width = columns;
  picture.height = rows;
  picture.getContext("2d").putImageData(new ImageData(pixels, columns, rows), 0, 0);
  return picture;
}

/** Draws on a canvas; x and y are in the pixels of the view. */
export class CanvasPainter {
  constructor(context, theme) {
    this.context = context;
    this.theme = theme;
  }

  rect(x, y, width, height, color, alpha = 1) {
    this.context.globalAlpha = alpha;
    this.context.fillStyle = color;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  frame(x, y, width, height, color, thickness) {
    this.context.strokeStyle = color;
    this.context.lineWidth = thickness;
    this.context.strokeRect(x, y, width, height);
  }

  text(words, x, y, { size, color, align = "left", bold = false, turn = 0 }) {
    const context = this.context;
    context.save();
    context.translate(x, y);
    if (turn) context.rotate((turn * Math.PI) / 180);
    context.font = fontOf(size, bold);
    context.fillStyle = color;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(words, 0, 0);
    context.restore();
  }

  curve(points, color, thickness, alpha) {
    const context = this.context;
    const [a, b, c, d] = points;
    context.globalAlpha = alpha;
    context.strokeStyle = color;
    context.lineWidth = thickness;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(a[0], a[1]);
    context.bezierCurveTo(b[0], b[1], c[0], c[1], d[0], d[1]);
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Draw a matrix of cells, each in one colour, from RGBA bytes. */
  cells(x, y, width, height, pixels, columns, rows) {
    this.picture(x, y, width, height, pictureOf(pixels, columns, rows));
  }

  picture(x, y, width, height, picture) {
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(picture, x, y, width, height);
  }

  /** Draw a picture, smoothed where it is enlarged. */
  smooth(x, y, width, height, picture) {
    this.context.imageSmoothingEnabled = true;
    this.context.drawImage(picture, x, y, width, height);
  }

  /** Draw a matrix of cells that may be translucent, from RGBA bytes. */
  layer(x, y, width, height, pixels, columns, rows) {
    this.picture(x, y, width, height, pictureOf(pixels, columns, rows));
  }

  hatch(x, y, width, height) {
    this.hatching ??= this.context.createPattern(this.hatchTile(), "repeat");
    this.context.fillStyle = this.hatching;
    this.context.fillRect(x, y, width, height);
  }

  hatchTile() {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = this.theme.hatch;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const shift of [-8, 0, 8]) {
      pen.moveTo(shift - 1, 9);
      pen.lineTo(shift + 9, -1);
    }
    pen.stroke();
    return tile;
  }

  clip(x, y, width, height, draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
    draw();
    this.context.restore();
  }

  /** Draw with the origin at x, y. */
  shift(x, y, draw) {
    this.context.save();
    this.context.translate(x, y);
    draw();
    this.context.restore();
  }
}
