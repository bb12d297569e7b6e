// The public API as any client uses it: token, refresh, and the event stream over fetch.

let tokens = JSON.parse(localStorage.getItem("sim.tokens") ?? "null");

export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export const isIn = () => tokens !== null;

function keep(next) {
  tokens = next && { accessToken: next.accessToken, refreshToken: next.refreshToken };
  if (tokens) localStorage.setItem("sim.tokens", JSON.stringify(tokens));
  else localStorage.removeItem("sim.tokens");
}

async function send(method, path, body) {
  const headers = tokens ? { authorization: `Bearer ${tokens.accessToken}` } : {};
  if (body) headers["content-type"] = "application/json";
  return fetch(path, { method, headers, body: body && JSON.stringify(body) });
}

export async function call(method, path, body) {
  let answer = await send(method, path, body);
  if (answer.status === 401 && tokens) {
    const fresh = await fetch("/api/auth/refresh", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ refreshToken: tokens.refreshToken }) });
    keep(fresh.ok ? await fresh.json() : null);
    if (!tokens) location.reload();
    answer = await send(method, path, body);
  }
  const content = await answer.json();
  if (!answer.ok) throw new Refused(content.code, content.error);
  return content;
}

export async function enter(email, password) {
  try {
    await call("POST", "/api/auth/register", { email, password, fullName: email.split("@")[0] });
  } catch (refused) {
    if (refused.code !== "USER_EXISTS") throw refused;
  }
  keep(await call("POST", "/api/auth/login", { email, password }));
}

export async function leave() {
  await call("POST", "/api/auth/logout").catch(console.debug);
  keep(null);
  location.reload();
}

export async function* lines(body, separator) {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const whole = (rest + part.value).split(separator);
    rest = whole.pop();
    yield* whole;
  }
}

export async function listen(onEvent, onState) {
  let last = "";
  for (;;) {
    try {
      const headers = { authorization: `Bearer ${tokens.accessToken}`, ...(last ? { "last-event-id": last } : {}) };
      const answer = await fetch("/api/events", { headers, cache: "no-store" });
      if (answer.status === 401) await call("GET", "/api/auth/me");
      if (answer.ok) {
        onState(true);
        for await (const block of lines(answer.body, "\n\n")) {
          const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]));
          last = fields.id ?? last;
          if (fields.data) onEvent(fields.event, JSON.parse(fields.data));
        }
      }
    } catch (error) {
      console.debug(error);
    }
    onState(false);
    await new Promise((done) => setTimeout(done, 1000));
  }
}
