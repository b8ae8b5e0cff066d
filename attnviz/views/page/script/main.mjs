// The start of the page.

import { buildControls } from "./controls.mjs";
import { byId, make } from "./dom.mjs";
import { listenToKeys } from "./keyboard.mjs";
import { Page } from "./page.mjs";
import { listenToPointer } from "./pointer.mjs";
import { speechIn } from "./sentences.mjs";
import { readState } from "./state.mjs";

/** Connect the page to what happens to its window. */
function listenToWindow(page) {
  byId("frame").addEventListener("scroll", () => page.drawSoon());
  window.addEventListener("hashchange", () => {
    const before = page.state;
    page.state = readState();
    page.show(before);
  });
  window.addEventListener("resize", () => page.resize());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.show());
  window.addEventListener("beforeprint", () => page.usePaper(true));
  window.addEventListener("afterprint", () => page.usePaper(false));
}

/** Show the page, or say why it cannot be shown. */
async function start() {
  const page = new Page(readState());
  buildControls(page);
  listenToKeys(page);
  listenToPointer(page);
  listenToWindow(page);
  try {
    await page.show();
  } catch (error) {
    const text = speechIn(page.state.lang).say("damaged");
    document.querySelector("main").prepend(make("p", { className: "alarm", role: "alert", text }));
    throw error;
  }
}

start();
