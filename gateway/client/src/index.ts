// The typed client of the Convo Insight API: every path, body and answer is known to the compiler.

import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema.ts";
import { listen, type Listening, type ListenOptions } from "./stream.ts";

export type * from "./schema.ts";
export type { EventName, Happening, Listening, ListenOptions } from "./stream.ts";

export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

export interface Options {
  baseUrl: string;
  tokens?: Tokens;
  /** Called when tokens change, to keep them; without tokens the session is over. */
  onTokens?: (tokens: Tokens | undefined) => void;
}

export interface Convo {
  api: Client<paths>;
  login(email: string, password: string): Promise<Tokens>;
  events(options: ListenOptions): Listening;
}

/** A client that sends the token, and fetches a fresh one once when it has expired. */
export function connect({ baseUrl, tokens, onTokens }: Options): Convo {
  let current = tokens;
  let renewing: Promise<boolean> | undefined;
  const plain = createClient<paths>({ baseUrl });

  function keep(next: Tokens | undefined): void {
    current = next;
    onTokens?.(next);
  }

  async function refresh(refreshToken: string): Promise<boolean> {
    const { data, response } = await plain.POST("/api/auth/refresh", { body: { refreshToken } });
    if (data) keep({ accessToken: data.accessToken, refreshToken: data.refreshToken });
    else if (response.status < 500) keep(undefined);
    return data !== undefined;
  }

  /** Many requests may find out at once that the token has expired: one asks, all wait. */
  function renew(): Promise<boolean> {
    if (!current) return Promise.resolve(false);
    renewing ??= refresh(current.refreshToken).finally(() => (renewing = undefined));
    return renewing;
  }

  async function authorized(input: Request): Promise<Response> {
    const again = input.clone();
    const answer = await fetch(signed(input));
    if (answer.status !== 401 || !(await renew())) return answer;
    return fetch(signed(again));
  }

  function signed(request: Request): Request {
    if (current) request.headers.set("authorization", `Bearer ${current.accessToken}`);
    return request;
  }

  return {
    api: createClient<paths>({ baseUrl, fetch: authorized }),
    async login(email, password) {
      const { data, error } = await plain.POST("/api/auth/login", { body: { email, password } });
      if (!data) throw new Error(error.error);
      keep({ accessToken: data.accessToken, refreshToken: data.refreshToken });
      return { accessToken: data.accessToken, refreshToken: data.refreshToken };
    },
    events: (options) => listen(baseUrl, authorized, options),
  };
}
