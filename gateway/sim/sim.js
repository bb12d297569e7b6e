// A customer's phone on the left, the inbox as an agent sees it on the right; nothing is polled.

import { call, enter, isIn, lines, listen } from "/sim/api.js";
import { WORDS } from "/sim/words.js";

const $ = (id) => document.getElementById(id);
const state = { conversations: new Map(), messages: new Map(), open: null, sources: new Map(), escalated: new Map(), articles: new Map(), language: localStorage.getItem("sim.language") ?? (navigator.language.startsWith("pt") ? "pt" : "en"), live: false };
const phone = localStorage.getItem("sim.phone") ?? `55119${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
localStorage.setItem("sim.phone", phone);
const NAME = "Maria Cliente";

const word = (key) => WORDS[state.language][key] ?? key;

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) key.startsWith("on") ? element.addEventListener(key.slice(2), value) : element.setAttribute(key, value);
  element.append(...children.filter(Boolean));
  return element;
}

function bubble(text, kind, note) {
  return make("li", { class: `bubble ${kind}` }, text, note ? make("small", {}, note) : null);
}

function speak() {
  document.documentElement.lang = state.language === "pt" ? "pt-BR" : "en";
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  $("language").textContent = word("other");
  $("customer").textContent = `${word("customer")} ${NAME}`;
  for (const [id, key] of [["words", "phoneHint"], ["reply", "replyHint"]]) { $(id).placeholder = word(key); $(id).setAttribute("aria-label", word(key)); }
  draw();
}

function draw() {
  $("live").textContent = word(state.live ? "connected" : "connecting");
  drawInbox();
  drawDesk();
}

function drawInbox() {
  const sorted = [...state.conversations.values()].sort((a, b) => (b.lastMessageAt ?? "").localeCompare(a.lastMessageAt ?? ""));
  $("conversations").replaceChildren(...sorted.map((one) => make("li", {}, make("button", { type: "button", "aria-current": one.id === state.open, "data-id": one.id, onclick: () => open(one.id) },
    make("span", { class: one.unreadCount ? "unread" : "" }, one.unreadCount ? `${one.contactName} (${one.unreadCount})` : one.contactName), make("small", {}, one.lastMessagePreview ?? "")))));
}

function drawDesk() {
  const one = state.conversations.get(state.open);
  $("desk").querySelector("#answer").hidden = !one;
  $("deskTitle").textContent = one ? one.contactName : word("nobody");
  $("sentiment").textContent = one?.currentSentiment ? word(one.currentSentiment) : "";
  $("mode").hidden = !one;
  if (!one) return;
  $("mode").replaceChildren(make("legend", {}, word("mode")), ...["ai", "human", "hybrid"].map((mode) => make("button", { type: "button", "data-mode": mode, "aria-pressed": one.conversationMode === mode, onclick: () => change(mode) }, word(mode))));
  const reason = state.escalated.get(one.id);
  $("escalation").hidden = !reason;
  $("escalation").textContent = reason ? `${word("escalated")}: ${reason}` : "";
  const messages = [...(state.messages.get(one.id)?.values() ?? [])].sort((a, b) => a.timestamp.localeCompare(b.timestamp) || a.id.localeCompare(b.id));
  $("thread").replaceChildren(...messages.map((message) => bubble(message.content, message.isFromMe ? (message.origin === "ai" ? "mine ai" : "mine") : "", note(message))));
  $("thread").scrollTop = $("thread").scrollHeight;
}

// The entries that the AI says it has used; an answer that is an entry word by word tells by itself.
function sourcesOf(message) {
  const told = (state.sources.get(message.conversationId) ?? []).map((id) => state.articles.get(id)).filter(Boolean);
  const same = [...state.articles.values()].filter((entry) => entry.answer === message.content);
  return (same.length ? same : told).map((entry) => entry.question);
}

function note(message) {
  if (!message.isFromMe) return "";
  const used = message.origin === "ai" ? sourcesOf(message) : [];
  return [message.origin === "ai" ? word("by") : "", message.status, used.length ? `${word("sources")}: ${used.join(" · ")}` : ""].filter(Boolean).join(" · ");
}

function put(message) {
  if (!state.messages.has(message.conversationId)) state.messages.set(message.conversationId, new Map());
  state.messages.get(message.conversationId).set(message.id, message);
}

function heard(name, data) {
  if (name === "reset") return void load().then(draw);
  if (data.conversation) state.conversations.set(data.conversation.id, data.conversation);
  else if (data.conversationId && "conversation" in data) state.conversations.delete(data.conversationId);
  if (data.message) put(data.message);
  if (name === "intelligence.knowledge_used") state.sources.set(data.conversationId, data.entryIds);
  if (name === "intelligence.sentiment_analyzed") { const one = state.conversations.get(data.conversationId); if (one) one.currentSentiment = data.sentiment; }
  if (name === "intelligence.escalation_requested") state.escalated.set(data.conversationId, data.keyword ? `${data.reason} (${data.keyword})` : data.reason);
  if (name === "messaging.message_received" && !state.open) void open(data.conversationId);
  $("happenings").prepend(make("li", {}, `${new Date(data.occurredAt).toLocaleTimeString()} ${name}`));
  while ($("happenings").children.length > 60) $("happenings").lastChild.remove();
  draw();
}

async function open(id) {
  state.open = id;
  const detail = await call("GET", `/api/conversations/${id}?messagesLimit=50`);
  state.conversations.set(id, detail.conversation);
  detail.messages.forEach(put);
  draw();
}

async function change(mode) {
  const answer = await call("POST", `/api/conversations/${state.open}/mode`, { mode });
  state.conversations.set(state.open, answer.conversation);
  if (mode === "ai") state.escalated.delete(state.open);
  draw();
}

async function load() {
  const listed = await call("GET", "/api/conversations?limit=30");
  state.conversations = new Map(listed.conversations.map((one) => [one.id, one]));
  const known = await call("GET", "/api/knowledge?limit=200");
  state.articles = new Map(known.entries.map((entry) => [entry.id, entry]));
}

// The simulated number as an instance of ours, and an AI agent that is awake: only administrators may, and once is enough.
async function prepare() {
  const place = await (await fetch("/sim/place")).json();
  const { instances } = await call("GET", "/api/whatsapp/instances?limit=200");
  let known = instances.find((one) => one.instanceName === place.instanceName);
  try {
    known ??= (await call("POST", "/api/whatsapp/instances", { name: "Simulador", ...place })).instance;
    await call("POST", `/api/whatsapp/instances/${known.id}/configure-webhook`, { url: `${location.origin}/api/whatsapp/webhooks/evolution` });
    await call("PUT", "/api/ai/config", { workingHoursStart: "00:00", workingHoursEnd: "00:00", workingDays: [0, 1, 2, 3, 4, 5, 6] });
    if (!state.articles.size) {
      await call("POST", "/api/knowledge/manage", { category: "faq", question: "Qual é o horário de atendimento?", answer: "Atendemos de segunda a sexta, das 8h às 18h.", isVerified: true });
      await load();
    }
  } catch (refused) {
    if (refused.status !== 403) throw refused;
  }
}

async function follow() {
  for (;;) {
    const answer = await fetch(`/sim/customers/${phone}/events`).catch(() => null);
    $("received").querySelectorAll(":not(.mine)").forEach((one) => one.remove());
    if (answer?.ok) {
      for await (const line of lines(answer.body, "\n")) {
        const got = JSON.parse(line);
        if (got.text && ["text", "media"].includes(got.kind)) {
          $("received").append(bubble(got.text, ""));
          $("received").scrollTop = $("received").scrollHeight;
        }
      }
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function begin() {
  $("door").hidden = true;
  $("office").hidden = false;
  await load();
  await prepare();
  draw();
  void listen(heard, (live) => { state.live = live; draw(); });
  void follow();
}

$("language").addEventListener("click", () => { state.language = state.language === "pt" ? "en" : "pt"; localStorage.setItem("sim.language", state.language); speak(); });
$("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await enter($("email").value, $("password").value);
    await begin();
  } catch (refused) {
    $("refused").textContent = refused.message;
  }
});
$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("words").value;
  $("words").value = "";
  $("received").append(bubble(text, "mine"));
  await fetch(`/sim/customers/${phone}/messages`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ text, name: NAME }) });
});
$("answer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const content = $("reply").value;
  $("reply").value = "";
  const sent = await call("POST", "/api/whatsapp/messages/send", { conversationId: state.open, content });
  put(sent.message);
  draw();
});

speak();
if (isIn()) await begin();
else $("door").hidden = false;
