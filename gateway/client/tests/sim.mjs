// The pages in a real browser: write as the customer, be answered by the AI, take over as a person; usable by all.

import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";

const [url, program, email, password, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1360, height: 720 }, locale: "pt-BR" });
const troubles = [];
page.on("pageerror", (error) => troubles.push(String(error)));
page.on("console", (message) => { if (message.type() === "error" && /Content Security Policy|TypeError/.test(message.text())) troubles.push(message.text()); });
page.setDefaultTimeout(20_000);

await page.goto(`${url}/sim`);
await page.waitForSelector("#door:visible");
await judge(360);
await page.fill("#email", email);
await page.fill("#password", password);
await page.click("#door button");
await page.waitForSelector("#live:has-text('ao vivo')");
let loads = 0;
page.on("framenavigated", () => loads++);

// What axe has against the page, and whether all of it is within its width.
async function judge(width) {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height: before.height });
  const { violations } = await page.evaluate(`${axe.source}; axe.run()`);
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
  await page.setViewportSize(before);
}
async function say(text) {
  await page.fill("#words", text);
  await page.press("#words", "Enter");
}
const told = (text) => page.waitForSelector(`#thread .bubble:has-text("${text}")`);
const got = (text) => page.waitForSelector(`#received .bubble:not(.mine):has-text("${text}")`);

await say("Olá, tudo bem?");
await page.waitForSelector("#conversations button:has-text('Maria Cliente')");
await page.waitForSelector("#conversations button[aria-current=true]:has-text('Maria Cliente')");
await told("Olá, tudo bem?");

await page.click("#ai");
await page.waitForSelector("#ai[aria-pressed=true]");
await say("Qual é o horário de atendimento?");
await got("das 8h às 18h");
await page.waitForSelector("#thread .bubble.ai:has-text('das 8h às 18h')");
await page.waitForSelector("#thread .bubble.ai small:has-text('Fontes')");
if (pictures) await page.screenshot({ path: `${pictures}/sim.png` });

assert.equal(await page.locator("#escalation:visible").count(), 0);
for (const text of ["Isso é um absurdo!", "Péssimo atendimento, estou muito irritada", "Quero falar com um atendente"]) {
  await say(text);
  await told(text);
}
await page.waitForSelector("#escalation:has-text('Uma pessoa foi chamada')");
await page.waitForSelector("#sentiment:has-text('negativo')");
for (const width of [1360, 800, 360]) await judge(width);
await page.emulateMedia({ colorScheme: "dark" });
await judge(1360);
await page.emulateMedia({ colorScheme: "light" });
await page.click("#resolve");
await page.waitForSelector("#escalation", { state: "hidden" });

await page.fill("#reply", "Aqui é a Ana, assumo a conversa.");
await page.press("#reply", "Enter");
await got("assumo a conversa");
await page.click("#human");
await page.waitForSelector("#human[aria-pressed=true]");
await page.waitForTimeout(1000);
const before = await page.locator("#thread .bubble.ai").count();
await say("Qual é o horário de atendimento?");
await page.waitForFunction(() => [...document.querySelectorAll("#thread .bubble:not(.mine)")].filter((one) => one.textContent.includes("horário")).length === 2);
await page.waitForTimeout(5000);
assert.equal(await page.locator("#thread .bubble.ai").count(), before, "the AI answered a person's conversation");

await page.click("#language");
await page.waitForSelector("#live:has-text('live')");
await say("Obrigada!");
await told("Obrigada!");
assert.equal(loads, 0, "the page was loaded again");

const phone = await page.locator("#received .bubble").allTextContents();
await page.reload();
await page.waitForFunction((count) => document.querySelectorAll("#received .bubble").length === count, phone.length);
assert.deepEqual(await page.locator("#received .bubble").allTextContents(), phone);
await page.click("#leave");
await page.waitForSelector("#door:visible");
await page.fill("#email", email);
await page.fill("#password", "outra senha longa");
await page.click("#door button");
await page.waitForSelector("#refused:has-text('Invalid credentials')");

await page.goto(`${url}/docs#sendMessage`);
await page.waitForSelector("#sendMessage[open] textarea", { state: "attached" });
if (pictures) await page.screenshot({ path: `${pictures}/docs.png` });
for (const width of [1360, 360]) await judge(width);
await page.fill("#find", "message_received");
assert.equal(await page.locator(".operation:visible").count(), 1);
await page.click(".operation:visible summary");
await page.waitForSelector("text=customerMessageCount");
assert.deepEqual(troubles, []);
await browser.close();
console.log("seen");
