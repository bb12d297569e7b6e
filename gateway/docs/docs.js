// Draws openapi.json and asyncapi.json: every operation with what it takes, gives and refuses, and a form to try it.

const [api, events] = await Promise.all(["/openapi.json", "/asyncapi.json"].map((address) => fetch(address).then((answer) => answer.json())));
const main = document.querySelector("#main");
const contents = document.querySelector("#contents");
const token = document.querySelector("#token");
const REFUSED = "application/problem+json";

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Markdown's links and code, and nothing more.
function inline(text) {
  return (text ?? "").split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/).map((part) => {
    const link = part.match(/^\[([^\]]+)\]\((\/[^)]*)\)$/);
    if (link) return make("a", { href: link[2] }, link[1]);
    return part.startsWith("`") ? make("code", {}, part.slice(1, -1)) : part;
  });
}

function prose(text) {
  return make("p", {}, ...inline(text));
}

function resolve(schema, root) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((place, key) => place[key.replaceAll("~1", "/")], root);
}

function nameOf(schema) {
  return schema?.$ref?.split("/").pop();
}

function typeOf(schema, root) {
  if (schema.$ref) return nameOf(schema);
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, root)).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const plain = [schema.type ?? "any JSON"].flat().join(" or ");
  if (plain.startsWith("array")) return `list of ${typeOf(schema.items, root)}`;
  return schema.format ? `${plain} (${schema.format})` : plain;
}

const LIMITS = { minLength: "at least %s characters", maxLength: "at most %s characters", minimum: "from %s", maximum: "to %s", maxItems: "at most %s items", pattern: "like %s" };

function limitsOf(schema) {
  return Object.entries(LIMITS).filter(([key]) => key in schema).map(([key, text]) => text.replace("%s", schema[key])).join(", ");
}

function notes(description, schema) {
  const limits = limitsOf(schema);
  return [...inline(description), description && limits ? " " : "", limits ? make("span", { class: "soft" }, `(${limits})`) : ""];
}

function objectOf(schema) {
  const inner = schema.anyOf ? schema.anyOf.find((one) => one.type !== "null") : schema;
  return inner.type === "array" || inner.type?.includes?.("array") ? inner.items : inner;
}

function fields(schema, root, depth = 0) {
  const whole = resolve(schema, root);
  const rows = Object.entries(whole.properties ?? {}).map(([name, field]) => {
    const inner = resolve(objectOf(field), root);
    const row = make("div", {}, make("code", {}, name), " ", make("span", { class: "soft" }, typeOf(field, root)), whole.required?.includes(name) ? "" : make("em", { class: "soft" }, " optional"), " ", ...notes(field.description, field));
    if (inner.properties && depth < 3) {
      const more = make("details", {}, make("summary", {}, "fields"));
      more.addEventListener("toggle", () => more.children.length === 1 && more.append(fields(inner, root, depth + 1)), { once: true });
      row.append(more);
    }
    return row;
  });
  return make("div", { class: "schema" }, ...rows);
}

function sample(schema, root, depth = 0) {
  const whole = resolve(schema, root);
  if (whole.examples?.length) return whole.examples[0];
  if (whole.enum) return whole.enum[0];
  if (whole.anyOf) return sample(whole.anyOf[0], root, depth);
  const type = [whole.type].flat()[0];
  if (type === "object") {
    if (depth > 3) return {};
    return Object.fromEntries(Object.entries(whole.properties ?? {}).map(([name, field]) => [name, sample(field, root, depth + 1)]));
  }
  if (type === "array") return depth > 3 ? [] : [sample(whole.items, root, depth + 1)];
  if (whole.format === "date-time") return "2026-11-23T18:00:00.000Z";
  return { string: "text", integer: 1, number: 1.5, boolean: true }[type] ?? null;
}

function json(value) {
  return make("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
}

function example(schema) {
  const closed = make("details", {}, make("summary", {}, "Example"));
  closed.addEventListener("toggle", () => closed.append(json(sample(schema, api))), { once: true });
  return closed;
}

function parametersOf(operation) {
  return (operation.parameters ?? []).map((one) => resolve(one, api));
}

function parameters(operation) {
  const rows = parametersOf(operation).map((one) => make("tr", {}, make("th", { scope: "row" }, make("code", {}, one.name)), make("td", {}, one.in + (one.required ? ", required" : "")), make("td", { class: "soft" }, typeOf(one.schema, api)), make("td", {}, ...notes(one.description, one.schema))));
  return rows.length ? make("table", {}, make("tbody", {}, ...rows)) : null;
}

function refusals(operation) {
  const rows = Object.entries(operation["x-refusals"] ?? {}).map(([code, { status, error }]) => make("tr", {}, make("th", { scope: "row" }, make("code", {}, code)), make("td", {}, status), make("td", {}, ...inline(error))));
  return rows.length ? make("table", {}, make("tbody", {}, ...rows)) : null;
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, one]) => {
    const response = resolve(one, api);
    const content = response.content ?? {};
    const kind = Object.keys(content)[0];
    const inside = make("details", {}, make("summary", {}, make("strong", {}, status), " ", ...inline(response.description)));
    inside.addEventListener("toggle", () => {
      if (kind === REFUSED) inside.append(json(content[kind].example));
      else if (kind === "application/json") inside.append(fields(content[kind].schema, api), example(content[kind].schema));
      else if (kind) inside.append(make("p", {}, make("code", {}, kind)));
    }, { once: true });
    return inside;
  });
}

function attempt(path, verb, operation) {
  const inputs = parametersOf(operation).filter((one) => one.in !== "header").map((one) => {
    const input = make("input", { name: one.name, "data-in": one.in, placeholder: String(one.schema.examples?.[0] ?? "") });
    return make("label", {}, `${one.name} `, input, " ");
  });
  const content = operation.requestBody?.content["application/json"];
  const parts = operation.requestBody?.content["multipart/form-data"];
  const body = content ? make("textarea", { rows: 6, "aria-label": "Body" }) : null;
  if (body) body.value = JSON.stringify(content.example ?? sample(content.schema, api), null, 2);
  const files = parts ? partsOf(parts.schema) : [];
  const result = make("div", { role: "status" });
  const form = make("form", { onsubmit: send }, ...inputs, ...files, body, make("p", {}, make("button", {}, "Send")), result);
  async function send(event) {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    for (const input of form.querySelectorAll("input[data-in]")) {
      if (input.dataset.in === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(input.name, input.value);
    }
    const headers = token.value ? { authorization: `Bearer ${token.value}` } : {};
    if (body) headers["content-type"] = "application/json";
    const began = performance.now();
    const sent = parts ? new FormData(form) : body?.value;
    const answer = await fetch(query.size ? `${address}?${query}` : address, { method: verb.toUpperCase(), headers, body: sent }).catch((error) => error);
    if (answer instanceof Error) return result.replaceChildren(make("p", {}, `No answer: ${answer.message}`));
    const text = await answer.text();
    let shown;
    try { shown = json(JSON.parse(text)); } catch { shown = make("pre", {}, text); }
    result.replaceChildren(make("p", {}, `${answer.status} in ${Math.round(performance.now() - began)} ms`), shown);
  }
  return make("details", {}, make("summary", {}, "Try it"), form);
}

function partsOf(schema) {
  return Object.entries(schema.properties).map(([name, field]) => {
    const choices = field.enum?.map((value) => make("option", {}, value));
    return make("label", {}, `${name} `, choices ? make("select", { name }, ...choices) : make("input", { name, type: "file", required: "" }), " ");
  });
}

function operation(path, verb, one) {
  const id = one.operationId;
  const box = make("details", { class: "operation", id, "data-words": `${verb} ${path} ${one.summary} ${id}`.toLowerCase() }, make("summary", {}, make("span", { class: `verb ${verb}` }, verb.toUpperCase()), make("code", {}, path), make("span", { class: "soft" }, ...inline(one.summary))));
  box.addEventListener("toggle", () => {
    const content = Object.values(one.requestBody?.content ?? {})[0];
    const takes = parameters(one);
    const told = refusals(one);
    const streams = one.responses["200"]?.content?.["text/event-stream"];
    box.append(make("div", {}, prose(one.description ?? one.summary), takes ? make("h3", {}, "Parameters") : null, takes, content ? make("h3", {}, "Body") : null, content ? fields(content.schema, api) : null, content?.example ? json(content.example) : null, make("h3", {}, "Answers"), ...answers(one), told ? make("h3", {}, "Refusals of its own") : null, told, streams ? null : attempt(path, verb, one)));
  }, { once: true });
  return box;
}

function happening(one) {
  const box = make("details", { class: "operation", id: one.name, "data-words": `${one.name} ${one.summary} event`.toLowerCase() }, make("summary", {}, make("span", { class: "verb event" }, "EVENT"), make("code", {}, one.name), make("span", { class: "soft" }, ...inline(one.summary))));
  box.addEventListener("toggle", () => box.append(make("div", {}, prose(one.description), fields(one.payload, events))), { once: true });
  return box;
}

function chapter(title, description, boxes) {
  const links = boxes.map((box) => make("a", { href: `#${box.id}`, "data-for": box.id }, box.id));
  contents.append(make("h2", {}, title), ...links);
  return make("section", {}, make("h2", {}, title), prose(description), ...boxes);
}

const byTag = Object.fromEntries(api.tags.map((tag) => [tag.name, []]));
for (const [path, verbs] of Object.entries(api.paths)) {
  for (const [verb, one] of Object.entries(verbs)) byTag[one.tags[0]].push(operation(path, verb, one));
}
const chapters = api.tags.filter((tag) => byTag[tag.name].length).map((tag) => chapter(tag.name, tag.description, byTag[tag.name]));
const happenings = Object.values(events.components.messages).map(happening);
main.replaceChildren(...api.info.description.split("\n\n").map((text) => prose(text)), ...chapters, chapter("Events", events.channels.events.description, happenings));

function open() {
  const box = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (box) { box.open = true; box.scrollIntoView(); }
}

function find(event) {
  const word = event.target.value.trim().toLowerCase();
  for (const box of main.querySelectorAll(".operation")) {
    box.hidden = !box.dataset.words.includes(word);
    contents.querySelector(`[data-for="${CSS.escape(box.id)}"]`).hidden = box.hidden;
  }
  for (const section of main.querySelectorAll("section")) section.hidden = !section.querySelector(".operation:not([hidden])");
  main.scrollTop = 0;
}

document.querySelector("#find").addEventListener("input", find);
addEventListener("hashchange", open);
open();
