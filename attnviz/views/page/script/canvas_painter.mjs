// Two painters with the same strokes: one on a canvas, one into an SVG. A view draws with either and cannot tell.

const FAMILY = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", '
  + '"Noto Sans CJK SC", "Noto Sans SC", sans-serif';

function fontOf(size, bold) {
  return `${bold ? "600 " : ""}${size}px ${FAMILY}`;
}

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

/** How wide the words are, in pixels. */
function widthOf(words, size, bold = false) {
  const key = `${bold ? "b" : "n"}${size} ${words}`;
  let width = widths.get(key);
  if (width === undefined) {
    ruler.font = fontOf(size, bold);
    width = ruler.measureText(words).width;
    if (widths.size > 20000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

const clusterer = typeof Intl !== "undefined" && Intl.Segmenter ? new Intl.Segmenter() : null;

/** What a reader takes for single characters. */
function clustersOf(words) {
  return clusterer ? Array.from(clusterer.segment(words), (each) => each.segment) : Array.from(words);
}

/** The words in at most `room` pixels: their beginning and their end, with ⋯ where something is left out. */
function shortened(words, size, room, bold = false) {
  if (widthOf(words, size, bold) <= room) return words;
  const clusters = clustersOf(words);
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

/** Pixels as a canvas of that size. */
function pictureOf(pixels, columns, rows) {
  const picture = document.createElement("canvas");
  picture.width = columns;
  picture.height = rows;
  picture.getContext("2d").putImageData(new ImageData(pixels, columns, rows), 0, 0);
  return picture;
}

/** Draws on a canvas; x and y are in the view's own pixels. */
class CanvasPainter {
  constructor(context, look) {
    this.context = context;
    this.look = look;
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

  /** A matrix of colours, one a cell, as RGBA bytes. */
  cells(x, y, width, height, pixels, columns, rows) {
    this.picture(x, y, width, height, pictureOf(pixels, columns, rows));
  }

  picture(x, y, width, height, picture) {
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(picture, x, y, width, height);
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
    pen.strokeStyle = this.look.hatch;
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
}

const SVG_CELLS = 2500;

/** Writes the same strokes as SVG; many small cells become one embedded picture. */
class SvgPainter {
  constructor(width, height, look, title) {
    this.look = look;
    this.size = [Math.ceil(width), Math.ceil(height)];
    this.title = title;
    this.parts = [];
    this.clips = 0;
  }

  rect(x, y, width, height, color, alpha = 1) {
    const shade = alpha < 1 ? ` fill-opacity="${alpha}"` : "";
    this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" `
      + `fill="${color}"${shade}/>`);
  }

  frame(x, y, width, height, color, thickness) {
    this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" `
      + `fill="none" stroke="${color}" stroke-width="${thickness}"/>`);
  }

  text(words, x, y, { size, color, align = "left", bold = false, turn = 0 }) {
    const anchor = { left: "start", center: "middle", right: "end" }[align];
    const turned = turn ? ` rotate(${turn})` : "";
    this.parts.push(`<text transform="translate(${short(x)} ${short(y)})${turned}" dy=".36em" font-size="${size}" `
      + `fill="${color}" text-anchor="${anchor}"${bold ? ' font-weight="600"' : ""}>${escaped(words)}</text>`);
  }

  curve(points, color, thickness, alpha) {
    const [a, b, c, d] = points.map((point) => point.map(short).join(" "));
    this.parts.push(`<path d="M${a}C${b} ${c} ${d}" fill="none" stroke="${color}" stroke-linecap="round" `
      + `stroke-width="${short(thickness)}" stroke-opacity="${short(alpha)}"/>`);
  }

  cells(x, y, width, height, pixels, columns, rows) {
    if (columns * rows > SVG_CELLS) {
      this.picture(x, y, width, height, pictureOf(pixels, columns, rows));
      return;
    }
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const at = 4 * (row * columns + column);
        if (pixels[at + 3] === 0) continue;
        this.rect(x + (column * width) / columns, y + (row * height) / rows, width / columns, height / rows,
          hexOf(pixels[at], pixels[at + 1], pixels[at + 2]));
      }
    }
  }

  picture(x, y, width, height, picture) {
    this.parts.push(`<image x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" `
      + `preserveAspectRatio="none" style="image-rendering:pixelated" href="${picture.toDataURL("image/png")}"/>`);
  }

  hatch(x, y, width, height) {
    this.rect(x, y, width, height, "url(#hatch)");
  }

  clip(x, y, width, height, draw) {
    const name = `clip${(this.clips += 1)}`;
    this.parts.push(`<clipPath id="${name}"><rect x="${short(x)}" y="${short(y)}" width="${short(width)}" `
      + `height="${short(height)}"/></clipPath><g clip-path="url(#${name})">`);
    draw();
    this.parts.push("</g>");
  }

  toString() {
    const [width, height] = this.size;
    return `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="${width}" `
      + `height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FAMILY)}" role="img">`
      + `<title>${escaped(this.title)}</title><defs><pattern id="hatch" width="8" height="8" `
      + `patternUnits="userSpaceOnUse"><path d="M-1 9L9 -1M-9 9L1 -1M7 9L17 -1" stroke="${this.look.hatch}"/>`
      + `</pattern></defs><rect width="${width}" height="${height}" fill="${this.look.paper}"/>`
      + `${this.parts.join("\n")}</svg>\n`;
  }
}

function short(number) {
  return String(Math.round(number * 100) / 100);
}

function hexOf(red, green, blue) {
  return `#${((1 << 24) | (red << 16) | (green << 8) | blue).toString(16).slice(1)}`;
}

/** Text as it stands in SVG; what XML cannot hold is replaced. */
function escaped(words) {
  return words.replace(/[&<>"]/g, (mark) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[mark])
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}
