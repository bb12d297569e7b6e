// A live inbox in thirty lines: React Query holds what was read, the event stream says what has changed.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { connect } from "../src/index.ts";

const convo = connect({ baseUrl: "http://127.0.0.1:3000" });
const INBOX = ["conversations"];

export function useInbox() {
  const cache = useQueryClient();
  useEffect(() => {
    const stream = convo.events({
      onEvent: ({ name, data }) => {
        if (name.startsWith("messaging.")) void cache.invalidateQueries({ queryKey: INBOX });
        if (name === "messaging.message_received") document.title = `• ${data.message?.senderName ?? data.contactName}`;
      },
      onReset: () => void cache.invalidateQueries(),
    });
    return () => stream.close();
  }, [cache]);
  return useQuery({
    queryKey: INBOX,
    queryFn: async () => (await convo.api.GET("/api/conversations", { params: { query: { limit: 20 } } })).data,
  });
}

export function Inbox() {
  const { data } = useInbox();
  return <ul>{data?.conversations.map((one) => <li key={one.id}>{one.contactName}: {one.lastMessagePreview}</li>)}</ul>;
}
