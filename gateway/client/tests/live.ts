// Run against a live system: log in, listen, write; what the server refuses is typed too. See tests/e2e/test_client.py.

import { connect, type Message } from "../src/index.ts";

const [baseUrl = "", email = "", password = "", conversationId = ""] = process.argv.slice(2);
const convo = connect({ baseUrl });
await convo.login(email, password);

const seen = new Promise<Message>((found, failed) => {
  setTimeout(() => failed(new Error("no event came")), 15_000).unref();
  const stream = convo.events({
    onEvent(event) {
      if (event.name !== "messaging.message_sent" || !event.data.message) return;
      found(event.data.message);
      stream.close();
    },
  });
});
await new Promise((done) => setTimeout(done, 500));

const sent = await convo.api.POST("/api/whatsapp/messages/send", { body: { conversationId, content: "Olá do cliente tipado" } });
const refused = await convo.api.GET("/api/conversations/{id}", { params: { path: { id: "0197d6f2-7c1e-7b60-9a5c-3f2f6c1d8e01" } } });
const message = await seen;
console.log(JSON.stringify({ sent: sent.data?.message?.id, seen: message.id, content: message.content, refused: refused.error?.code }));

// @ts-expect-error: there is no such path
convo.api.GET("/api/nothing");
// @ts-expect-error: a mode is ai, human or hybrid
export const mode = () => convo.api.POST("/api/conversations/{id}/mode", { params: { path: { id: "" } }, body: { mode: "robot" } });
