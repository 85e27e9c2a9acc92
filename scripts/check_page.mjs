#!/usr/bin/env node
// Opens a case's page in a real Chromium and does what a reader does, by mouse and by keyboard; fails at the first thing
// that does not work, at any error of the page, and at anything the page asks of a network. Leaves pictures to look at.
//
//   npm install playwright-core && node scripts/check_page.mjs report.html pictures
//
// CHROMIUM  the browser (default /usr/bin/chromium)
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// From the folder that the script is called in, where playwright-core was installed.
const { chromium } = createRequire(resolve("package.json"))("playwright-core");
const [file, pictures] = process.argv.slice(2).map((path) => resolve(path));
mkdirSync(pictures, { recursive: true });
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const faults = [];

async function open(width, height, colorScheme) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) faults.push(request.url()); });
  await page.goto(`file://${file}`);
  await page.waitForSelector("svg .line");
  const spare = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(spare <= 0, `at ${width} pixels the page is ${spare} too wide`);
  return page;
}
const paths = (page) => page.locator("svg").first().locator(".line").evaluateAll((lines) => lines.map((line) => line.getAttribute("d")).join());
const shown = (page) => page.locator(".readout").first();

// By mouse: values, a stretch dragged, all again, a variant switched off, training switched off.
let page = await open(1280, 1000, "light");
const whole = await paths(page);
const box = await page.locator("svg").first().boundingBox();
const at = (share) => [box.x + 60 + (box.width - 80) * share, box.y + box.height / 2];
await page.mouse.move(...at(0.4));
assert.ok(await shown(page).isVisible(), "values at the cursor");
assert.ok((await shown(page).locator("tr").count()) > 0, "a line of values for each line of the chart");
await page.screenshot({ path: `${pictures}/wide.png` });
await page.mouse.move(...at(0.3));
await page.mouse.down();
await page.mouse.move(...at(0.6), { steps: 4 });
await page.mouse.up();
const closer = await paths(page);
assert.notEqual(closer, whole, "a stretch dragged is zoomed to");
await page.screenshot({ path: `${pictures}/zoomed.png` });
await page.click("#whole");
await page.mouse.move(5, 5);
assert.equal(await paths(page), whole, "all shows all");
const lines = () => page.locator("svg").first().locator(".line").count();
const all = await lines();
await page.uncheck("#training");
assert.ok((await lines()) < all, "training lines go");
await page.check("#training");
await page.locator("#variants input").first().uncheck();
assert.ok((await lines()) < all, "a variant goes");
await page.locator("#variants input").first().check();
assert.equal(await lines(), all, "and comes back");

// By keyboard alone: from the top of the page to the first chart, along it, closer, and out again.
await page.keyboard.press("Home");
await page.evaluate(() => document.activeElement.blur());
const focused = () => page.evaluate(() => document.activeElement.tagName.toLowerCase());
for (let tabs = 0; tabs < 60 && (await focused()) !== "svg"; tabs++) await page.keyboard.press("Tab");
assert.equal(await focused(), "svg", "a chart can be reached by Tab");
for (const key of ["ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home"]) {
  await page.keyboard.press(key);
  assert.notEqual(await page.locator(".spoken").first().textContent(), "", `${key} says a value`);
}
await page.keyboard.press("+");
assert.notEqual(await paths(page), whole, "+ zooms");
assert.equal(await focused(), "svg", "the chart keeps the focus");
await page.keyboard.press("0");
assert.equal(await paths(page), whole, "0 shows all");

// Every axis has its own places and its own name.
for (const axis of ["epoch", "examples", "tokens", "hours", "step"]) {
  await page.check(`input[value=${axis}]`);
  const text = await page.locator("svg").first().textContent();
  assert.ok(text.includes(axis), `the axis is named ${axis}`);
}
await page.emulateMedia({ media: "print" });
await page.setViewportSize({ width: 720, height: 1000 });
await page.screenshot({ path: `${pictures}/print.png`, fullPage: true });
page = await open(1280, 1000, "dark");
await page.screenshot({ path: `${pictures}/dark.png` });
page = await open(390, 844, "light");
await page.locator("svg").first().hover();
await page.screenshot({ path: `${pictures}/narrow.png`, fullPage: true });
await browser.close();
assert.deepEqual(faults, []);
console.log("the page works");
