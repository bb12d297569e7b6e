"""Calls of language models: recorded with what they cost, and the limits that all replicas keep to."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.intelligence.providers import Answer, Ask
from services.kit import telemetry
from services.kit.clock import now
from services.kit.db import Database
from services.kit.tables import new_id

RECORD = """
    insert into ai_calls (id, capability, conversation_id, provider, model, outcome, prompt_tokens,
        completion_tokens, cost_usd, latency_ms, created_at)
    values (%(id)s, %(capability)s, %(conversation)s, %(provider)s, %(model)s, %(outcome)s, %(prompt)s,
        %(completion)s, %(cost)s, %(ms)s, %(at)s)
"""
BLOCKED = """
    select model, reason, ceil(extract(epoch from blocked_until - %(at)s::timestamptz))::int as seconds
    from ai_limits where provider = %(provider)s and blocked_until > %(at)s
"""
BLOCK = """
    insert into ai_limits (provider, model, reason, blocked_until)
    values (%(provider)s, %(model)s, %(reason)s, %(until)s)
    on conflict (provider, model) do update
    set reason = excluded.reason, blocked_until = excluded.blocked_until
    where ai_limits.blocked_until < excluded.blocked_until
"""
SPENT = """
    select coalesce(sum(prompt_tokens + completion_tokens), 0)::int from ai_calls
    where created_at >= %(since)s
"""


async def blocked(db: Database, provider: str) -> dict[str, tuple[str, int]]:
    """The models that are not to be asked now: why, and for how many seconds."""
    async with db.read() as session:
        rows = await session.all(BLOCKED, provider=provider, at=now())
    return {row.model: (row.reason, row.seconds) for row in rows}


async def block(db: Database, provider: str, model: str, reason: str, seconds: float) -> None:
    async with db.begin() as session:
        await session.run(
            BLOCK, provider=provider, model=model, reason=reason, until=now() + timedelta(seconds=seconds)
        )


async def spent_today(db: Database, timezone: str) -> int:
    """Tokens since midnight where the company is."""
    midnight = now().astimezone(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    async with db.read() as session:
        tokens: int = await session.scalar(SPENT, since=midnight)
    return tokens


async def record(
    db: Database,
    ask: Ask,
    provider: str,
    model: str,
    outcome: str,
    started: datetime,
    *,
    answer: Answer | None,
    price: tuple[float, float] | None,
) -> None:
    prompt, completion = (answer.prompt_tokens, answer.completion_tokens) if answer else (0, 0)
    cost = (prompt * price[0] + completion * price[1]) / 1_000_000 if price else None
    took = (now() - started).total_seconds()
    telemetry.AI_CALLS.labels(model, ask.capability, outcome).observe(took)
    telemetry.AI_TOKENS.labels(model, "prompt").inc(prompt)
    telemetry.AI_TOKENS.labels(model, "completion").inc(completion)
    telemetry.AI_COST.labels(model).inc(cost or 0)
    async with db.begin() as session:
        await session.run(
            RECORD,
            id=new_id(),
            capability=ask.capability,
            conversation=ask.conversation_id,
            provider=provider,
            model=model,
            outcome=outcome,
            prompt=prompt,
            completion=completion,
            cost=cost,
            ms=round(took * 1000),
            at=now(),
        )
