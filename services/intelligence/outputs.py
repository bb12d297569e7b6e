"""What the models must answer, as schemas; what does not fit is sent back once, with the reason."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from services.intelligence import llm
from services.intelligence.providers import Answer, Ask

SomeOutput = TypeVar("SomeOutput", bound="Output")


def _clamped(value: Any) -> Any:
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float | str) else value


Share = Annotated[float, BeforeValidator(_clamped)]


class Output(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


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


async def ask_for(kind: type[SomeOutput], ask: Ask) -> tuple[SomeOutput, Answer]:
    """An answer of this kind. One repair is asked for; then it is a failure of the provider."""
    answer = await llm.complete(ask)
    try:
        return parse(kind, answer.text), answer
    except ValidationError as error:
        again = await llm.complete(_repair(ask, answer.text, error))
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
    return Ask(
        ask.capability,
        (
            *ask.messages,
            {"role": "assistant", "content": text[:4000]},
            {
                "role": "user",
                "content": f"Sua resposta não é o JSON pedido ({wrong}). Envie só o JSON corrigido.",
            },
        ),
        ask.temperature,
        ask.max_tokens,
        ask.schema,
        ask.model,
    )
