// The event stream over fetch: it sends the token, comes back by itself, and misses nothing meanwhile.

import type { components } from "./schema.ts";

type EventData = components["schemas"]["EventData"];
export type EventName = keyof EventData;
export type Happening = { [Name in EventName]: { name: Name; id: string; data: EventData[Name] } }[EventName];

export interface ListenOptions {
  onEvent(event: Happening): void;
  /** Events were lost to this client (it was away for days): load anew what is shown. */
  onReset?(): void;
  /** The session is over: sign in again. */
  onEnd?(status: number): void;
  lastEventId?: string;
}

export interface Listening {
  readonly lastEventId: string | undefined;
  close(): void;
}

const SILENCE = 40_000; // a heartbeat comes every 15 s

export function listen(baseUrl: string, send: (request: Request) => Promise<Response>, options: ListenOptions): Listening {
  const closing = new AbortController();
  const state = { lastEventId: options.lastEventId };
  void stay();

  async function stay(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; failures++) {
      const status = await once(() => (failures = 0)).catch(() => 0);
      if (status === 401 || status === 403) return options.onEnd?.(status);
      if (!closing.signal.aborted) await pause(failures);
    }
  }

  async function once(arrived: () => void): Promise<number> {
    const silence = new AbortController();
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (state.lastEventId) headers["last-event-id"] = state.lastEventId;
    const signal = AbortSignal.any([closing.signal, silence.signal]);
    const answer = await send(new Request(`${baseUrl}/api/events`, { headers, signal, cache: "no-store" }));
    if (!answer.ok || !answer.body) return answer.status;
    let timer = setTimeout(() => silence.abort(), SILENCE);
    try {
      for await (const block of blocks(answer.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE);
        arrived();
        take(block);
      }
    } finally {
      clearTimeout(timer);
    }
    return answer.status;
  }

  function take(block: Map<string, string>): void {
    const id = block.get("id") ?? state.lastEventId ?? "";
    const [name, data] = [block.get("event"), block.get("data")];
    if (name === "reset") options.onReset?.();
    else if (name && data) options.onEvent({ name, id, data: JSON.parse(data) } as Happening);
    state.lastEventId = id;
  }

  return {
    get lastEventId() {
      return state.lastEventId;
    },
    close: () => closing.abort(),
  };
}

async function* blocks(body: ReadableStream<Uint8Array>): AsyncGenerator<Map<string, string>> {
  let rest = "";
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const [...whole] = (rest + decoder.decode(part.value, { stream: true })).split("\n\n");
    rest = whole.pop() ?? "";
    yield* whole.map(fields);
  }
}

function fields(block: string): Map<string, string> {
  return new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]));
}

function pause(failures: number): Promise<void> {
  const most = Math.min(500 * 2 ** failures, 15_000);
  return new Promise((done) => setTimeout(done, most * (0.5 + Math.random() / 2)));
}
