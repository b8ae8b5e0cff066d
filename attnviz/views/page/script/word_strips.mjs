// Strips: the texts as elements, word by word, to point at and to shade.

import { IS_CROSS, SIDES, data } from "./data.mjs";
import { byId, make } from "./dom.mjs";
import { mixed, stripesOf } from "./overlay.mjs";
import { directionOf, shorten } from "./text_measure.mjs";
import { directionOfText, layOutText } from "./text_layout.mjs";
import { shadesOf } from "./word_shades.mjs";

/**
 * @typedef {import("./scene.mjs").Scene} Scene
 *
 * @typedef {object} Strip
 * @property {number} text index in data.texts
 * @property {"row"|"column"} axis that its words are on
 * @property {number} side that shades it
 * @property {string} name
 * @property {HTMLElement[]} words the element of each word of the axis
 * @property {number} stop the word that Tab reaches
 */

/** Return the labels of a strip's axis. */
function labelsOf({ axis }) {
  return axis === "column" ? data.columns : data.rows;
}

/** List the strips of a view: the row texts, and in cross attention the column text. */
function stripsOf({ state, say, nameOf }) {
  const isLarge = state.view === "words";
  const sides = data.sides.map((_, side) => side).slice(0, isLarge ? SIDES : 2);
  const rowName = (side) => (SIDES > 1 ? nameOf(data.sides[side]) : say(IS_CROSS ? "text_rows" : "text"));
  const rows = sides.map((side) => ({ text: data.rowTexts[side], axis: "row", side, name: rowName(side) }));
  if (!IS_CROSS) return rows;
  const sideName = (side) => (isLarge && SIDES > 1 ? ` · ${nameOf(data.sides[side])}` : "");
  const columns = (isLarge ? sides : [0]).map((side) => (
    { text: data.columnText, axis: "column", side, name: say("text_columns") + sideName(side) }
  ));
  return [...rows, ...columns];
}

/** Build the strips of a view; paintStrips shades them afterwards. @returns {Strip[]} */
export function buildStrips(scene) {
  const room = byId("texts");
  const strips = stripsOf(scene).map((strip) => ({ ...strip, words: [], stop: data.texts[strip.text].words[0] }));
  const isLarge = scene.state.view === "words";
  const isNamed = (strip) => strips.length > 1 && (isLarge || !isItsText(strip));
  room.replaceChildren(...strips.map((strip, at) => buildStrip(strip, at, isNamed(strip))));
  room.className = isLarge ? "large" : "small";
  room.dataset.count = strips.length;
  return strips;
}

/** Return whether a strip's name says no more than its words do. */
function isItsText(strip) {
  const labels = labelsOf(strip);
  const written = (text) => text.replace(/\s/g, "");
  return written(data.texts[strip.text].words.map((word) => labels[word]).join("")).includes(written(strip.name));
}

/** Pixels of a head's stripe with the space below it. */
const STRIPE = 5;

/** Punctuation that must not begin a line. */
const CLOSING = /^[\p{Pe}\p{Pf}\p{Po}]/u;

function buildStrip(strip, index, isNamed) {
  const text = data.texts[strip.text];
  const labels = labelsOf(strip);
  const dir = directionOfText(text.words.map((word) => labels[word]));
  const line = make("p", { className: "words", role: "group", dir, "aria-label": strip.name });
  text.words.forEach((word, at) => {
    if (text.gaps[at]) line.append(text.gaps[at]);
    else if (at > 0 && !CLOSING.test(labels[word])) line.append(make("wbr"));
    const tabIndex = word === strip.stop ? 0 : -1;
    const element = make("span", { className: "word", role: "button", tabIndex, text: labels[word] });
    element.dir = directionOf(labels[word]) || dir;
    element.dataset.word = word;
    element.dataset.strip = index;
    strip.words[word] = element;
    line.append(element);
  });
  line.append(text.tail.trimEnd());
  const name = isNamed ? [make("p", { className: "name", text: strip.name })] : [];
  return make("div", { className: "strip" }, ...name, line);
}

/** Show which word is chosen, which are found, and in the view of words the shade of each. */
export function paintStrips(scene, strips) {
  const { state, found } = scene;
  for (const strip of strips) {
    const chosen = strip.axis === "column" ? state.other : state.word;
    const isShaded = state.view === "words";
    const shades = isShaded && !scene.over ? shadesOf(scene, strip.side, strip.axis) : null;
    const stripes = isShaded && scene.over ? stripesOf(scene, strip.axis) : null;
    strip.words.forEach((element, word) => {
      element.setAttribute("aria-pressed", String(word === chosen));
      element.classList.toggle("found", found[strip.axis].has(word));
      paintWord(scene, element, shades, word);
      paintStripes(scene, element, stripes ? stripes[word] : undefined);
    });
    moveTabStop(strip, chosen ?? data.texts[strip.text].words[0]);
  }
}

function paintWord({ say }, element, shades, word) {
  const shade = shades ? shades[word] : undefined;
  element.style.backgroundColor = shade ? shade.colour : "";
  element.style.color = shade ? shade.ink : "";
  element.classList.toggle("forbidden", shade === null);
  if (shades) element.title = shade ? shade.number : say("cannot_look");
  else element.removeAttribute("title");
}

/** Below a word a stripe for each head, in its colour. @param {?import("./overlay.mjs").Stripe[]|undefined} stripes */
function paintStripes(scene, element, stripes) {
  const { say, theme } = scene;
  const layers = (stripes ?? []).map(({ colour, strength }, at) => {
    const shade = `rgb(${mixed(theme.paper, colour, strength).join()})`;
    const up = (stripes.length - 1 - at) * STRIPE;
    return `linear-gradient(${shade},${shade}) 0 calc(100% - ${up}px)/100% ${STRIPE - 1}px no-repeat`;
  });
  element.classList.toggle("striped", layers.length > 0);
  if (stripes === undefined) return;
  element.style.background = layers.join();
  element.style.paddingBottom = layers.length ? `${layers.length * STRIPE + 2}px` : "";
  element.classList.toggle("forbidden", stripes === null);
  element.title = stripes === null ? say("cannot_look")
    : stripes.map(({ text }, at) => `${scene.headName(scene.over[at].head)} ${text}`).join(" · ");
}

function moveTabStop(strip, word) {
  if (strip.words[strip.stop]) strip.words[strip.stop].tabIndex = -1;
  if (strip.words[word]) strip.words[word].tabIndex = 0;
  strip.stop = word;
}

/** Lay the strips out below each other, for a saved picture. */
export function layOutStrips(strips, space, heads = 0) {
  const size = 22;
  const blocks = [];
  let y = 0;
  for (const strip of strips) {
    const top = y + (strips.length > 1 ? 48 : 20);
    const metrics = { room: space.width, size, pad: 4, lineHeight: size * 1.9 + heads * STRIPE, top };
    const laid = layOutText(data.texts[strip.text], labelsOf(strip), metrics);
    blocks.push({ strip, laid, y });
    y = laid.height;
  }
  return { blocks, size, width: space.width, height: y };
}

/** Draw strips that layOutStrips has laid out. */
export function drawStrips(scene, painter, { blocks, size, width }) {
  const { theme } = scene;
  for (const { strip, laid, y } of blocks) {
    if (blocks.length > 1) {
      painter.text(shorten(strip.name, 14, width, true), 0, y + 14, { size: 14, bold: true, color: theme.ink });
    }
    const shades = scene.over ? [] : shadesOf(scene, strip.side, strip.axis);
    const stripes = scene.over ? stripesOf(scene, strip.axis) : [];
    for (const box of laid.plain) painter.text(box.words, box.x + 4, box.y, { size, color: theme.soft });
    laid.boxes.forEach((boxes, word) => boxes.forEach((box) => {
      const shade = stripes[word] === null ? null : shades[word];
      drawWord(painter, theme, box, size, shade, word === scene.row && strip.axis === "row");
      (stripes[word] ?? []).forEach(({ colour, strength }, at) => {
        const shown = mixed(theme.paper, colour, strength).map((byte) => byte.toString(16).padStart(2, "0")).join("");
        painter.rect(box.x + 1, box.y + size * 0.8 + at * STRIPE, box.width - 2, STRIPE - 1, `#${shown}`);
      });
    }));
  }
}

function drawWord(painter, theme, box, size, shade, isChosen) {
  const area = [box.x + 1, box.y - size * 0.8, box.width - 2, size * 1.6];
  if (shade?.colour) painter.rect(...area, shade.colour);
  if (shade === null) painter.hatch(...area);
  if (isChosen) painter.frame(...area, theme.accent, 3);
  const color = shade?.ink || theme.ink;
  painter.text(box.words, box.x + box.width / 2, box.y, { size, align: "center", color });
}
