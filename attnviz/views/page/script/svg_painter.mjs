// A painter that writes SVG, with the same methods as CanvasPainter.

import { pictureOf } from "./canvas_painter.mjs";
import { FONT_FAMILY } from "./text_measure.mjs";

/** More cells than these are embedded as a picture. */
const MOST_RECTS = 2500;

/** Writes the same strokes as SVG; many small cells become one embedded picture. */
export class SvgPainter {
  constructor(width, height, theme, title) {
    this.theme = theme;
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
    if (columns * rows > MOST_RECTS) {
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

  smooth(x, y, width, height, picture) {
    this.parts.push(`<image x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" `
      + `preserveAspectRatio="none" href="${picture.toDataURL("image/png")}"/>`);
  }

  layer(x, y, width, height, pixels, columns, rows) {
    this.picture(x, y, width, height, pictureOf(pixels, columns, rows));
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

  /** Draw with the origin at x, y. */
  shift(x, y, draw) {
    this.parts.push(`<g transform="translate(${x} ${short(y)})">`);
    draw();
    this.parts.push("</g>");
  }

  toString() {
    const [width, height] = this.size;
    return `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="${width}" `
      + `height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FONT_FAMILY)}" role="img">`
      + `<title>${escaped(this.title)}</title><defs><pattern id="hatch" width="8" height="8" `
      + `patternUnits="userSpaceOnUse"><path d="M-1 9L9 -1M-9 9L1 -1M7 9L17 -1" stroke="${this.theme.hatch}"/>`
      + `</pattern></defs><rect width="${width}" height="${height}" fill="${this.theme.paper}"/>`
      + `${this.parts.join("\n")}</svg>\n`;
  }
}

/** Format a coordinate with at most two decimal places. */
function short(number) {
  return String(Math.round(number * 100) / 100);
}

function hexOf(red, green, blue) {
  return `#${((1 << 24) | (red << 16) | (green << 8) | blue).toString(16).slice(1)}`;
}

/** Escape text for SVG; replace characters that XML cannot hold. */
function escaped(words) {
  const marks = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return words.replace(/[&<>"]/g, (mark) => marks[mark])
    // eslint-disable-next-line no-control-regex -- control characters are what is replaced
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}
