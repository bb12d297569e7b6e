"""What the models must answer, as schemas; what does not fit is sent back once, with the reason."""

import math
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from services.intelligence import llm
from services.intelligence.providers import Answer, Ask
from services.kit.db import Database

SomeOutput = TypeVar("SomeOutput", bound="Output")


def _clamped(value: Any) -> Any:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return value
    return min(max(float(value), 0.0), 1.0)


Share = Annotated[float, BeforeValidator(_clamped)]


class Output(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


def _known(*names: str) -> Any:
    """One of these; whatever else a model says becomes the last."""
    return BeforeValidator(lambda value: value if value in names else names[-1])


Feeling = Annotated[Literal["positive", "negative", "neutral"], _known("positive", "negative", "neutral")]


class Reply(Output):
    reply: str
    confidence: Share
    intent: str
    should_escalate: bool
    escalation_reason: (
        Literal["customer_request", "ai_suggested", "complexity", "negative_sentiment", "low_confidence"]
        | None
    )
    used_knowledge_ids: list[str]
    scheduling_intent: bool
    language: str


class SentimentFound(Output):
    sentiment: Literal["positive", "neutral", "negative"]
    confidence: Share
    summary: str
    reasoning: str


class SummaryFound(Output):
    summary: str
    key_points: list[str]
    action_items: list[str]
    sentiment: Feeling


class TopicsFound(Output):
    primary_topic: str
    secondary_topics: list[str]
    custom_topic: str | None
    confidence: Share = 0.8
    reasoning: str


class OneSuggestion(Output):
    text: str
    tone: Annotated[Literal["formal", "friendly", "direct"], _known("formal", "friendly", "direct")]


class Suggestions(Output):
    suggestions: list[OneSuggestion]


class Evidence(Output):
    message_id: str
    quote: str


class Found(Output):
    detected: bool
    confidence: Share
    evidence: list[Evidence]


class Budget(Found):
    estimated_value: float | None


class Authority(Found):
    role: str | None
    is_decision_maker: bool


class Need(Found):
    pain_points: list[str]
    urgency: Annotated[Literal["high", "medium", "low"], _known("high", "low", "medium")]


class Timeline(Found):
    timeframe: Annotated[
        Literal["immediate", "1-2_weeks", "1_month", "indefinite"],
        _known("immediate", "1-2_weeks", "1_month", "indefinite"),
    ]


class Bant(Output):
    budget: Budget
    authority: Authority
    need: Need
    timeline: Timeline
    overall_intent: Annotated[
        Literal["purchase", "information", "support", "other"],
        _known("purchase", "information", "support", "other"),
    ]
    recommended_action: Annotated[
        Literal["qualify", "nurture", "discard"], _known("qualify", "discard", "nurture")
    ]
    suggested_value: float | None
    reasoning: str


class Scheduling(Output):
    has_scheduling_intent: bool
    intent_type: (
        Literal["new_meeting", "reschedule", "cancel", "check_availability", "confirm_selection"] | None
    )
    confidence: Share
    preferred_dates: list[str]
    time_preference: Literal["morning", "afternoon", "evening", "specific"] | None
    specific_times: list[str]
    meeting_purpose: str | None
    duration_hint: int | None
    meeting_type_hint: str | None
    selected_slot_index: int | None
    requires_slot_offer: bool
    reasoning: str


Scenario = Annotated[
    str,
    _known("greeting", "objection_handling", "closing", "pricing", "scheduling", "follow_up", "support"),
]


class GoodAnswer(Output):
    input_context: str
    ideal_response: str
    scenario_type: Scenario
    tags: list[str]
    quality_score: Share
    reasoning: str


class Lessons(Output):
    examples: list[GoodAnswer]
    overall_quality: Share
    key_techniques: list[str]


class OnePattern(Output):
    name: str
    description: str
    applicable_scenarios: list[str]
    template_suggestion: str


class OneTemplate(Output):
    name: str
    category: Annotated[str, _known("greeting", "objection", "closing", "sales", "follow_up", "support")]
    template_content: str
    trigger_patterns: list[str]


class Patterns(Output):
    patterns: list[OnePattern]
    common_techniques: list[str]
    suggested_templates: list[OneTemplate]


class OneFact(Output):
    category: str
    question: str
    answer: str
    subcategory: str | None


class Facts(Output):
    items: list[OneFact]
    confidence: Share


async def ask_for(db: Database, kind: type[SomeOutput], ask: Ask) -> tuple[SomeOutput, Answer]:
    """An answer of this kind. One repair is asked for; then it is a failure of the provider."""
    answer = await llm.complete(db, ask)
    try:
        return parse(kind, answer.text), answer
    except ValidationError as error:
        again = await llm.complete(db, _repair(ask, answer.text, error))
    try:
        return parse(kind, again.text), again
    except ValidationError as error:
        raise llm.AiUnavailable from error


def parse(kind: type[SomeOutput], text: str) -> SomeOutput:
    """The JSON object in a model's text, whatever it put around it."""
    return kind.model_validate_json(text[text.find("{") : text.rfind("}") + 1])


def schema(kind: type[Output]) -> dict[str, Any]:
    """The strict form: every field required, nothing else allowed."""
    strict: dict[str, Any] = _strict(kind.model_json_schema(by_alias=True))
    return strict


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items() if key not in ("title", "default")}
    if strict.get("type") == "object":
        strict |= {"additionalProperties": False, "required": [*strict.get("properties", {})]}
    return strict


def _repair(ask: Ask, text: str, error: ValidationError) -> Ask:
    wrong = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'JSON'}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)[:5]
    )
    again = f"Sua resposta não é o JSON pedido ({wrong}). Envie só o JSON corrigido."
    turns = ({"role": "assistant", "content": text[:4000]}, {"role": "user", "content": again})
    return replace(ask, messages=(*ask.messages, *turns))
