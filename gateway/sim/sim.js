// A customer's phone on the left, the inbox as an agent sees it on the right; nothing is polled.

import { call, enter, isIn, leave, listen } from "/sim/api.js";
import { $, make, renew, talk, write } from "/sim/dom.js";
import { follow, NAME, say } from "/sim/phone.js";
import { WORDS } from "/sim/words.js";

const MODES = ["ai", "human", "hybrid"];
const state = {
  me: null, live: false, open: null, isGone: false, trouble: "",
  conversations: new Map(), messages: new Map(), escalations: new Map(), articles: new Map(),
  answered: new Map(), // by the AI's answer, the message it answers
  sources: new Map(), // by the message that was answered, the entries that were used
  language: localStorage.getItem("sim.language") ?? (navigator.language.startsWith("pt") ? "pt" : "en"),
};

const word = (key) => WORDS[state.language][key] ?? key;

function speak() {
  document.documentElement.lang = state.language === "pt" ? "pt-BR" : "en";
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  write($("language"), word("other"));
  write($("customer"), `${word("customer")} ${NAME}`);
  for (const [id, key] of [["words", "phoneHint"], ["reply", "replyHint"]]) { $(id).placeholder = word(key); $(id).setAttribute("aria-label", word(key)); }
  draw();
}

function draw() {
  write($("who"), state.me ? `${state.me.fullName} · ${word(state.me.role)}` : "");
  write($("live"), state.me ? word(state.live ? "connected" : "connecting") : "");
  write($("trouble"), word(state.trouble));
  $("leave").hidden = !state.me;
  drawInbox();
  drawDesk();
}

function drawInbox() {
  const sorted = [...state.conversations.values()].sort((a, b) => (b.lastMessageAt ?? "").localeCompare(a.lastMessageAt ?? ""));
  renew($("conversations"), sorted, (one) => make("li", {}, make("button", { type: "button", onclick: () => attempt(() => open(one.id)) }, make("span"), make("small"))), (row, one) => {
    const [name, preview] = row.firstChild.children;
    row.firstChild.setAttribute("aria-current", one.id === state.open);
    name.className = one.unreadCount ? "unread" : "";
    write(name, one.unreadCount ? `${one.contactName} (${one.unreadCount})` : one.contactName);
    write(preview, one.lastMessagePreview ?? "");
  });
}

function drawDesk() {
  const one = state.conversations.get(state.open);
  const escalation = one && state.escalations.get(one.id);
  for (const id of ["answer", "mode"]) $(id).hidden = !one;
  write($("deskTitle"), one ? one.contactName : word(state.isGone ? "gone" : state.conversations.size ? "choose" : "nobody"));
  write($("sentiment"), one?.currentSentiment ? word(one.currentSentiment) : "");
  for (const mode of MODES) $(mode).setAttribute("aria-pressed", one?.conversationMode === mode);
  $("escalation").hidden = !escalation;
  write($("why"), escalation ? `${word("escalated")}: ${word(escalation.reason)}${escalation.keyword ? ` (${escalation.keyword})` : ""}` : "");
  const messages = one ? [...(state.messages.get(one.id)?.values() ?? [])] : [];
  messages.sort((a, b) => a.timestamp.localeCompare(b.timestamp) || a.id.localeCompare(b.id));
  talk($("thread"), messages.map((message) => ({ id: message.id, kind: kindOf(message), text: message.content || word(message.messageType), note: noteOf(message) })));
}

function kindOf(message) {
  if (!message.isFromMe) return "";
  return message.origin === "ai" ? "mine ai" : "mine";
}

function noteOf(message) {
  if (!message.isFromMe) return "";
  const used = message.origin === "ai" ? sourcesOf(message) : [];
  return [message.origin === "ai" ? word("ai") : "", word(message.status), used.length ? `${word("sources")}: ${used.join(" · ")}` : ""].filter(Boolean).join(" · ");
}

// The entries that the AI says it has used; an answer that is an entry word by word tells by itself.
function sourcesOf(message) {
  const told = (state.sources.get(state.answered.get(message.id)) ?? []).map((id) => state.articles.get(id)).filter(Boolean);
  const same = [...state.articles.values()].filter((entry) => entry.answer === message.content);
  return (told.length ? told : same).map((entry) => entry.question);
}

function put(message) {
  if (!state.messages.has(message.conversationId)) state.messages.set(message.conversationId, new Map());
  state.messages.get(message.conversationId).set(message.id, message);
}

function lose(id) {
  state.conversations.delete(id);
  if (state.open === id) Object.assign(state, { open: null, isGone: true });
}

const HEARD = {
  "intelligence.knowledge_used": (data) => state.sources.set(data.messageId, data.entryIds),
  "intelligence.response_sent": (data) => state.answered.set(data.replyMessageId, data.messageId),
  "campaigns.escalation_created": (data) => state.escalations.set(data.conversationId, { id: data.escalationId, reason: data.reason, keyword: data.keyword }),
  "campaigns.escalation_resolved": (data) => state.escalations.delete(data.conversationId),
  "campaigns.escalation_abandoned": (data) => state.escalations.delete(data.conversationId),
  "messaging.message_received": (data) => state.open || attempt(() => open(data.conversationId)),
};

function heard(name, data) {
  if (name === "reset") return void attempt(load);
  if (data.conversation) state.conversations.set(data.conversation.id, data.conversation);
  else if (data.conversationId && "conversation" in data) lose(data.conversationId);
  if (data.message) put(data.message);
  HEARD[name]?.(data);
  $("happenings").prepend(make("li", {}, `${new Date(data.occurredAt).toLocaleTimeString(document.documentElement.lang)} ${name}`));
  while ($("happenings").children.length > 60) $("happenings").lastChild.remove();
  draw();
}

// What was refused is said; what could not be asked, too.
async function attempt(work) {
  try {
    await work();
    state.trouble = "";
  } catch (error) {
    state.trouble = error instanceof TypeError ? "unreachable" : error.message;
  }
  draw();
}

async function open(id) {
  Object.assign(state, { open: id, isGone: false });
  const detail = await call("GET", `/api/conversations/${id}?messagesLimit=50`);
  state.conversations.set(id, detail.conversation);
  detail.messages.forEach(put);
}

async function change(mode) {
  const answer = await call("POST", `/api/conversations/${state.open}/mode`, { mode });
  state.conversations.set(answer.conversation.id, answer.conversation);
}

async function resolve() {
  await call("POST", `/api/escalations/${state.escalations.get(state.open).id}/resolve`, {});
  state.escalations.delete(state.open);
}

async function load() {
  const [me, listed, known, waiting] = await Promise.all(["/api/auth/me", "/api/conversations?limit=30", "/api/knowledge?limit=200", "/api/escalations?status=pending,assigned&limit=200"].map((path) => call("GET", path)));
  state.me = me;
  state.conversations = new Map(listed.conversations.map((one) => [one.id, one]));
  state.articles = new Map(known.entries.map((entry) => [entry.id, entry]));
  state.escalations = new Map(waiting.escalations.map((one) => [one.conversationId, { id: one.id, reason: one.reason, keyword: one.escalationKeyword }]));
}

// The simulated number as an instance of ours, and an AI agent that is awake: only administrators may, and once is enough.
async function prepare() {
  const place = await (await fetch("/sim/place")).json();
  const { instances } = await call("GET", "/api/whatsapp/instances?limit=200");
  let known = instances.find((one) => one.instanceName === place.instanceName);
  if (state.me.role !== "admin") {
    if (!known) throw new Error("unconnected");
    return;
  }
  if (!known) {
    known = (await call("POST", "/api/whatsapp/instances", { name: "Simulador", ...place })).instance;
    await call("PUT", "/api/ai/config", { workingHoursStart: "00:00", workingHoursEnd: "00:00", workingDays: [0, 1, 2, 3, 4, 5, 6] });
  }
  await call("POST", `/api/whatsapp/instances/${known.id}/configure-webhook`, { url: `${location.origin}/api/whatsapp/webhooks/evolution` });
  if (state.articles.size) return;
  const first = { category: "faq", question: "Qual é o horário de atendimento?", answer: "Atendemos de segunda a sexta, das 8h às 18h.", isVerified: true };
  const { entry } = await call("POST", "/api/knowledge/manage", first);
  state.articles.set(entry.id, entry);
}

async function begin() {
  $("door").hidden = true;
  $("office").hidden = false;
  await attempt(async () => { await load(); await prepare(); });
  void listen(heard, (live) => { state.live = live; draw(); });
  void follow();
}

// What a form's field holds; it comes back where it was refused.
function onSubmit(form, field, work) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $(field).value;
    $(field).value = "";
    void attempt(() => work(text).catch((refused) => { $(field).value = text; throw refused; }));
  });
}

for (const mode of MODES) $(mode).addEventListener("click", () => attempt(() => change(mode)));
$("resolve").addEventListener("click", () => attempt(resolve));
$("leave").addEventListener("click", () => leave());
$("language").addEventListener("click", () => { state.language = state.language === "pt" ? "en" : "pt"; localStorage.setItem("sim.language", state.language); speak(); });
$("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await enter($("email").value, $("password").value);
  } catch (refused) {
    return write($("refused"), refused.message);
  }
  await begin();
});
onSubmit("say", "words", say);
onSubmit("answer", "reply", async (content) => put((await call("POST", "/api/whatsapp/messages/send", { conversationId: state.open, content })).message));

speak();
if (isIn()) await begin();
else $("door").hidden = false;
