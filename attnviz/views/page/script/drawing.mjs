// Strokes that several views share.

import { data } from "./data.mjs";
import { shorten } from "./text_measure.mjs";

/** Draw a frame that shows on every colour: with a line in the colour of the paper around it. */
export function drawOutlinedFrame(painter, theme, { x, y, width, height }, color, thickness) {
  painter.frame(x, y, width, height, theme.paper, thickness + 2);
  painter.frame(x, y, width, height, color, thickness);
}

/** Draw the name of a side of a comparison. */
export function drawSideTitle(scene, painter, side, x, y, room) {
  const name = shorten(scene.nameOf(data.sides[side]), 15, room, true);
  painter.text(name, x, y, { size: 15, color: scene.theme.ink, bold: true });
}

/** Draw a column label above y: upright and centred, or slanted where it does not fit its column. */
export function drawColumnLabel(painter, text, x, y, { slanted, ...style }) {
  if (slanted) painter.text(text, x, y - 8, { ...style, turn: -45 });
  else painter.text(text, x, y - style.size * 0.5 - 6, { ...style, align: "center" });
}
