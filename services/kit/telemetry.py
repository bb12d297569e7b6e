"""Spans and numbers: the trace travels always, spans are made only where somebody collects them.

OTEL_EXPORTER_OTLP_ENDPOINT switches spans on, METRICS_PORT the numbers, SENTRY_DSN reports of crashes.
OpenTelemetry's own gRPC interceptors cost 55 to 80 % of a hop even when they sample nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from services.kit import context

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

RPCS = Histogram("convo_rpc_seconds", "Time to answer an RPC.", ["method", "code"], buckets=SECONDS)
EVENTS = Histogram("convo_event_seconds", "Time to take an event in.", ["consumer"], buckets=SECONDS)
OUTBOX_AGE = Gauge("convo_outbox_age_seconds", "Age of the oldest event that is not published.")
OUTBOX_WAITING = Gauge("convo_outbox_waiting", "Events that are not published.")
STREAM_LOST = Counter("convo_stream_lost", "Events that the stream has lost.")
BEHIND = Gauge("convo_consumer_behind", "Events that a consumer has still to take.", ["consumer"])
DEAD = Counter("convo_dead_letters", "Events that kept failing.", ["consumer"])
REQUESTS = Histogram("convo_http_seconds", "Time to answer.", ["method", "route", "status"], buckets=SECONDS)
AT_WORK = Gauge("convo_rpcs_at_work", "RPCs that are being answered.")
GATE_WAITING = Gauge("convo_gate_waiting", "Messages that wait at the send gate and are due.", ["priority"])
GATE_AGE = Gauge("convo_gate_age_seconds", "How long the first of them has waited.", ["priority"])
SENDS = Histogram("convo_send_seconds", "Time of a call that sends.", ["outcome"], buckets=SECONDS)
AI_CALLS = Histogram(
    "convo_ai_seconds", "Time of a model's answer.", ["model", "capability", "outcome"], buckets=SECONDS
)
AI_TOKENS = Counter("convo_ai_tokens", "Tokens that models have read and written.", ["model", "direction"])
AI_COST = Counter("convo_ai_cost_dollars", "What models have cost, as far as prices are known.", ["model"])

_tracer: Any = None


def configure(service: str) -> None:
    """Switch on what the environment names. Call it after any fork."""
    if port := os.environ.get("METRICS_PORT"):
        start_http_server(int(port), addr=os.environ.get("METRICS_HOST", "127.0.0.1"))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        _trace(service)
    if dsn := os.environ.get("SENTRY_DSN"):
        import sentry_sdk

        sentry_sdk.init(
            dsn,
            server_name=service,
            before_send=_without_content,
            default_integrations=False,  # they would send log lines and arguments
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
        )


def _without_content(event: Any, _: Any) -> Any:
    """Where it broke and what kind it was. Messages stay here: drivers put row values into them."""
    for error in event.get("exception", {}).get("values", ()):
        error["value"] = ""
    event.setdefault("tags", {})["trace_id"] = context.current().traceparent[3:35]
    return event


def _trace(service: str) -> None:
    global _tracer
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=1000))
    _tracer = provider.get_tracer("convo")


def report(error: Exception) -> None:
    """A bug, to Sentry where it is set up; without what people wrote."""
    if os.environ.get("SENTRY_DSN"):
        import sentry_sdk

        sentry_sdk.capture_exception(error)


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """A span of this task's trace, if it is sampled and somebody collects; ids and names, never content."""
    current = context.current()
    if _tracer is None or not current.traceparent.endswith("1"):
        yield
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract({"traceparent": current.traceparent})
    with _tracer.start_as_current_span(
        name, context=parent, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        ids = made.get_span_context()
        inner = f"00-{trace.format_trace_id(ids.trace_id)}-{trace.format_span_id(ids.span_id)}-01"
        context.enter(replace(current, traceparent=inner))
        try:
            yield
        except BaseException as error:
            made.set_status(trace.StatusCode.ERROR, type(error).__name__)  # its message may be a customer's
            raise
        finally:
            context.enter(replace(context.current(), traceparent=current.traceparent))
