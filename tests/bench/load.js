// Load from outside with a fixed number of callers: PLAN is the JSON of one piece of work.
import http from "k6/http";
import { Counter } from "k6/metrics";

const plan = JSON.parse(__ENV.PLAN);
const refused = new Counter("refused");

const duration = `${plan.seconds}s`;
const steady = { executor: "constant-arrival-rate", rate: plan.rate, duration, preAllocatedVUs: plan.callers, maxVUs: 512 };

export const options = {
  ...(plan.rate ? { scenarios: { steady } } : { vus: plan.callers, duration }),
  discardResponseBodies: true,
  summaryTrendStats: ["p(50)", "p(99)", "max"],
};

export default function () {
  const answer = plan.webhook ? deliver() : http.get(plan.urls[__ITER % plan.urls.length], { headers: plan.headers });
  if (answer.status !== 200) refused.add(1);
}

function deliver() {
  const number = __VU * 1e7 + __ITER;
  const data = {
    key: { remoteJid: `55119${String(10000000 + ((__VU * 977 + __ITER * 31) % plan.contacts))}@s.whatsapp.net`, fromMe: false, id: `${plan.run}${number}` },
    pushName: "Cliente",
    message: { conversation: "Bom dia, queria saber o prazo de entrega do meu pedido." },
    messageType: "conversation",
    messageTimestamp: Math.floor(Date.now() / 1000),
    source: "android",
  };
  const body = JSON.stringify({ event: "messages.upsert", instance: plan.webhook.instance, data });
  return http.post(plan.webhook.url, body, { headers: { "content-type": "application/json" } });
}

export function handleSummary(data) {
  const { http_reqs: requests, http_req_duration: took } = data.metrics;
  const lost = data.metrics.refused;
  return {
    stdout: JSON.stringify({
      requests: requests.values.count,
      rate: requests.values.rate,
      p50: took.values["p(50)"],
      p99: took.values["p(99)"],
      worst: took.values.max,
      refused: lost ? lost.values.count : 0,
    }),
  };
}
