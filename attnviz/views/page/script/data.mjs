// The data of the page, written by Python (views/page/document.py). It is read once and never changed.

/**
 * @typedef {{en: string, zh: string}} Localized a text in every language of the page
 * @typedef {{words: number[], gaps: string[], tail: string}} PageText a text in reading order: for each word its
 *   position on the axis and what stands before it; then what follows the last word
 * @typedef {{low: number, high: number, floor: number, diverging: boolean, colours: string, ink: string}} Scale the
 *   ends of a colour scale, its floor in logarithmic colouring, 256 colours as hexadecimal digits, and for each of
 *   them "0" for black ink or "1" for white
 * @typedef {{kind: string, reach: number, mask: number}} SheetInfo one weight matrix: how its block is encoded, its
 *   largest absolute number, and the block of its forbidden cells (-1: none)
 * @typedef {{contextSize: number, token: string, gap: string, probability: string,
 *   candidates: [string, string, number][],
 *   attended: [string, string, number][]}} PageStep a token that a model added, and how many words it could attend to
 * @typedef {{name: Localized, caption: Localized[], words: string[], text: PageText, grows: boolean, block: number,
 *   kind: string, steps: PageStep[]}} PageSteps the steps of a branch; the words are those of the last one
 * @typedef {{texts: PageText[], rowTexts: number[], columnText: ?number, captions: Localized[][], notes: Localized[][],
 *   precision: string, digits: number, rows: string[], columns: string[], axes: Localized, layers: Localized[],
 *   heads: Localized[], sides: (?Localized)[], titles: Localized[],
 *   view: string, start: number[], scales: Scale[], spread: string,
 *   scaleOfSide: number[], headColours: string[], sheets: SheetInfo[],
 *   small: {block: number, rows: number, columns: number, step: number, steps: number[]},
 *   hideable: {columns: number[], high: number[], sums: number[]}, terms: number,
 *   patches: ?Patches,
 *   played: PageSteps[],
 *   sentences: Object<string, Object<string, string>>, title: string, language: string}} PageData
 */

/**
 * @typedef {{rows: number, columns: number, aspect: number, rowCells: number[], columnCells: number[],
 *   picture: ?string}} Patches the grid of a picture, its width as a multiple of its height, the place in it of each
 *   token of the axes (-1: no patch), and the picture as a data: address
 */

/** @type {PageData} */
export const data = JSON.parse(document.getElementById("data").textContent);

export const ROWS = data.rows.length;
export const COLUMNS = data.columns.length;
/** One matrix for each layer and head, or three in a comparison: A, B and the change. */
export const SIDES = data.sides.length;
export const IS_CROSS = data.columnText !== null;

/** Return the base64 text of a block of numbers. */
export function blockText(index) {
  return document.getElementById(`block-${index}`).textContent;
}

/** Return the index in data.sheets of a layer, head and side. */
export function sheetIndex(layer, head, side) {
  return (layer * data.heads.length + head) * SIDES + side;
}
