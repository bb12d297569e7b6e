"""BANT: evidence, and the score that follows from findings."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from protos import messaging_pb2
from protos.intelligence_pb2 import (
    AnalyzeBantRequest,
    AnalyzeBantResponse,
    AuthorityFinding,
    BantActivity,
    BantLead,
    BantMessage,
    BudgetFinding,
    NeedFinding,
    TimelineFinding,
)
from services.sales import bant
from services.sales.bant import Score, Source
from tests.sales.builders import cited, said

CRITERIA = SimpleNamespace(
    budget_weight=25,
    authority_weight=25,
    need_weight=30,
    timeline_weight=20,
    auto_qualify_threshold=70,
    auto_create_lead_threshold=30,
)


def found(
    budget: float = 0,
    authority: tuple[float, bool] = (0, False),
    need: tuple[float, str] = (0, ""),
    timeline: tuple[float, str] = (0, ""),
) -> AnalyzeBantResponse:
    """Findings with these confidences; nothing is detected without one."""
    return AnalyzeBantResponse(
        budget=BudgetFinding(detected=budget != 0, confidence=budget),
        authority=AuthorityFinding(
            detected=authority[0] != 0, confidence=authority[0], is_decision_maker=authority[1]
        ),
        need=NeedFinding(detected=need[0] != 0, confidence=need[0], urgency=need[1]),
        timeline=TimelineFinding(detected=timeline[0] != 0, confidence=timeline[0], timeframe=timeline[1]),
    )


@pytest.mark.parametrize(
    ("findings", "dimensions", "lead"),
    [
        pytest.param(found(), (0, 0, 0, 0), 0, id="nothing"),
        pytest.param(
            found(1, (1, True), (1, "high"), (1, "immediate")), (10, 10, 10, 10), 100, id="everything"
        ),
        pytest.param(found(budget=1), (10, 0, 0, 0), 25, id="budget alone"),
        pytest.param(found(budget=0.5), (5, 0, 0, 0), 13, id="12.5 is 13"),
        pytest.param(found(authority=(1, True)), (0, 10, 0, 0), 25, id="who decides"),
        pytest.param(found(authority=(1, False)), (0, 6, 0, 0), 15, id="who does not decide"),
        pytest.param(found(authority=(0.9, False)), (0, 5.4, 0, 0), 14, id="13.5 is 14"),
        pytest.param(found(need=(1, "high")), (0, 0, 10, 0), 30, id="urgent need"),
        pytest.param(found(need=(1, "medium")), (0, 0, 7, 0), 21, id="need"),
        pytest.param(found(need=(1, "low")), (0, 0, 4, 0), 12, id="need some day"),
        pytest.param(found(need=(1, "whatever")), (0, 0, 4, 0), 12, id="unknown urgency is low"),
        pytest.param(found(timeline=(1, "immediate")), (0, 0, 0, 10), 20, id="now"),
        pytest.param(found(timeline=(1, "1-2_weeks")), (0, 0, 0, 8), 16, id="soon"),
        pytest.param(found(timeline=(1, "1_month")), (0, 0, 0, 5), 10, id="in a month"),
        pytest.param(found(timeline=(1, "indefinite")), (0, 0, 0, 2), 4, id="some day"),
        pytest.param(found(timeline=(1, "")), (0, 0, 0, 2), 4, id="no timeframe is some day"),
        pytest.param(
            found(0.8, (0.7, True), (0.9, "medium"), (0.6, "1-2_weeks")), (8, 7, 6.3, 4.8), 66, id="66.0"
        ),
        pytest.param(
            found(0.85, (0.75, False), (0.95, "high"), (0.65, "1_month")), (8.5, 4.5, 9.5, 3.3), 68, id="67.5"
        ),
        pytest.param(found(budget=7), (10, 0, 0, 0), 25, id="no confidence above one"),
        pytest.param(found(budget=-3), (0, 0, 0, 0), 0, id="no confidence below none"),
    ],
)
def test_the_score_is_computed_from_weights(
    findings: AnalyzeBantResponse, dimensions: tuple[float, ...], lead: int
) -> None:
    scored = bant.score(findings, CRITERIA)

    assert tuple(scored.dimensions.values()) == dimensions
    assert scored.lead == lead


def test_what_is_not_detected_counts_nothing_however_sure_the_model_is() -> None:
    findings = AnalyzeBantResponse(budget=BudgetFinding(detected=False, confidence=1))

    assert bant.score(findings, CRITERIA).lead == 0


def test_weights_are_the_sectors() -> None:
    heavy = SimpleNamespace(budget_weight=70, authority_weight=10, need_weight=10, timeline_weight=10)

    assert bant.score(found(budget=1), heavy).lead == 70


@pytest.mark.parametrize(
    ("score", "recommendation", "stage"),
    [
        (100, "qualified", "qualified"),
        (70, "qualified", "qualified"),
        (69, "nurture", "contacted"),
        (49, "nurture", "contacted"),
        (48, "nurture", "new"),
        (30, "nurture", "new"),
        (29, "disqualify", "new"),
        (0, "disqualify", "new"),
    ],
)
def test_thresholds_decide_what_is_recommended_and_where_a_lead_begins(
    score: int, recommendation: str, stage: str
) -> None:
    assert bant.recommendation(score, CRITERIA) == recommendation
    assert bant.first_stage(score, CRITERIA) == stage


KNOWN = {
    "m1": Source("message", "Temos até R$ 5.000 de orçamento,\n  e a decisão é minha!"),
    "m2": Source("message", "Preciso disso hoje"),
}


@pytest.mark.parametrize(
    "quote", ["Temos até R$ 5.000", "temos ATE r$ 5.000 de orcamento, e a decisao", "a decisão é minha!"]
)
def test_a_quote_may_differ_in_spaces_accents_and_capitals(quote: str) -> None:
    analysis = AnalyzeBantResponse(
        budget=BudgetFinding(detected=True, confidence=0.9, evidence=cited("m1", quote))
    )

    checked, refused = bant.verified(analysis, KNOWN)

    assert (checked.budget.detected, checked.budget.confidence, refused) == (True, 0.9, [])


@pytest.mark.parametrize(
    ("message", "quote"),
    [
        ("m1", "Temos R$ 50.000 de orçamento"),
        ("m2", "Temos até R$ 5.000"),
        ("m9", "Temos até R$ 5.000"),
        ("m1", ""),
        ("m1", "   "),
        ("", "Temos até R$ 5.000"),
    ],
)
def test_a_finding_that_rests_on_nothing_said_is_dropped(message: str, quote: str) -> None:
    analysis = AnalyzeBantResponse(
        budget=BudgetFinding(
            detected=True, confidence=0.9, evidence=cited(message, quote), estimated_value=50000
        ),
        suggested_value=50000,
    )

    checked, refused = bant.verified(analysis, KNOWN)

    assert checked.budget == BudgetFinding()
    assert not checked.HasField("suggested_value")
    assert refused == [{"dimension": "budget", "id": message, "quote": quote}]


def test_a_finding_without_any_quote_is_dropped() -> None:
    analysis = AnalyzeBantResponse(need=NeedFinding(detected=True, confidence=1, urgency="high"))

    checked, refused = bant.verified(analysis, KNOWN)

    assert not checked.need.detected
    assert refused == [{"dimension": "need", "id": "", "quote": ""}]


def test_a_finding_keeps_the_quotes_that_are_true() -> None:
    evidence = [*cited("m1", "a decisão é minha"), *cited("m1", "sou o presidente")]
    analysis = AnalyzeBantResponse(
        authority=AuthorityFinding(detected=True, confidence=0.8, evidence=evidence, is_decision_maker=True)
    )

    checked, refused = bant.verified(analysis, KNOWN)

    assert [one.quote for one in checked.authority.evidence] == ["a decisão é minha"]
    assert checked.authority.is_decision_maker
    assert [one["quote"] for one in refused] == ["sou o presidente"]


def test_the_model_is_left_as_it_was() -> None:
    analysis = AnalyzeBantResponse(need=NeedFinding(detected=True, evidence=cited("m1", "nunca dito")))
    before = analysis.SerializeToString()

    bant.verified(analysis, KNOWN)

    assert analysis.SerializeToString() == before


def test_the_customer_and_colleagues_may_be_cited_but_not_what_we_said() -> None:
    request = AnalyzeBantRequest(
        lead=BantLead(notes="Indicada pela Ana"),
        messages=[
            BantMessage(id="theirs", from_customer=True, text="Qual o valor?"),
            BantMessage(id="ours", from_customer=False, text="O valor é 100 reais"),
            BantMessage(id="picture", from_customer=True, text="[image]"),
        ],
        activities=[BantActivity(id="call", description="Ligação", outcome="Fecha em maio")],
    )

    known = bant.sources(request, "lead")

    assert {id: source.kind for id, source in known.items()} == {
        "theirs": "message",
        "call": "activity",
        "lead": "notes",
    }
    assert "Fecha em maio" in known["call"].text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (said("Bom dia"), "Bom dia"),
        (said("", message_type="audio", audio_transcription="Quero comprar"), "Quero comprar"),
        (said("", message_type="audio"), "[audio]"),
        (said("Veja a foto", message_type="image"), "Veja a foto"),
        (said("", message_type="image"), "[image]"),
    ],
)
def test_a_message_is_read_as_words(message: messaging_pb2.Message, text: str) -> None:
    assert bant.readable(message).text == text


def test_a_finding_is_shown_with_its_words() -> None:
    analysis = AnalyzeBantResponse(
        need=NeedFinding(
            detected=True,
            confidence=0.8,
            evidence=cited("m2", "Preciso disso hoje"),
            pain_points=["fila"],
            urgency="high",
        )
    )

    shown: Any = orjson.loads(bant.document(analysis, "need", bant.score(analysis, CRITERIA), KNOWN))

    assert shown == {
        "detected": True,
        "confidence": 0.8,
        "score": 8.0,
        "evidence": [{"source": "message", "id": "m2", "quote": "Preciso disso hoje"}],
        "painPoints": ["fila"],
        "urgency": "high",
    }


@pytest.mark.parametrize(
    ("dimension", "details"),
    [
        ("budget", {"estimatedValue": None}),
        ("authority", {"role": None, "isDecisionMaker": False}),
        ("need", {"painPoints": [], "urgency": None}),
        ("timeline", {"timeframe": None}),
    ],
)
def test_what_was_not_found_is_shown_empty(dimension: str, details: dict[str, Any]) -> None:
    nothing = Score(dimensions=dict.fromkeys(bant.DIMENSIONS, 0.0), lead=0)

    shown = orjson.loads(bant.document(AnalyzeBantResponse(), dimension, nothing, {}))

    assert shown == {"detected": False, "confidence": 0, "score": 0, "evidence": []} | details
