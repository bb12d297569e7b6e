// The customer's phone: what Maria writes to the company's number, and what reaches her.

import { lines } from "/sim/api.js";
import { $, talk } from "/sim/dom.js";

export const NAME = "Maria Cliente";
const MOST = 200;
const number = localStorage.getItem("sim.phone") ?? `55119${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
localStorage.setItem("sim.phone", number);
const said = JSON.parse(localStorage.getItem("sim.said") ?? "[]");
let received = new Map();

function draw() {
  talk($("received"), [...said, ...received.values()].sort((a, b) => a.at - b.at));
}

export async function say(text) {
  const answer = await fetch(`/sim/customers/${number}/messages`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ text, name: NAME }) });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  said.push({ id: (await answer.json()).id, at: Date.now() / 1000, kind: "mine", text, note: "" });
  localStorage.setItem("sim.said", JSON.stringify(said.slice(-MOST)));
  draw();
}

// From the beginning, whenever the connection is a new one.
export async function follow() {
  draw();
  for (;;) {
    const answer = await fetch(`/sim/customers/${number}/events`).catch(() => null);
    received = new Map();
    try {
      for await (const line of lines(answer?.ok ? answer.body : new Blob().stream(), "\n")) {
        const { kind, text, at, external_id: id } = JSON.parse(line);
        if (text && ["text", "media"].includes(kind)) received.set(id, { id, at, kind: "", text, note: "" });
        draw();
      }
    } catch (error) {
      console.debug(error);
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}
