"""Findings by keywords."""

from types import SimpleNamespace

import pytest

from services.sales import bant, keywords
from services.sales.bant import Source

CRITERIA = SimpleNamespace(
    budget_keywords=["orçamento", "valor", "quanto custa", "preço", "investimento", "custo"],
    authority_keywords=["gerente", "diretor", "decisor", "responsável", "dono", "proprietário", "CEO"],
    need_keywords=["preciso", "necessito", "urgente", "problema", "dificuldade", "quero", "busco"],
    timeline_keywords=["agora", "hoje", "esta semana", "urgente", "prazo", "imediato", "rápido"],
    budget_weight=25,
    authority_weight=25,
    need_weight=30,
    timeline_weight=20,
)


def spoken(*texts: str) -> dict[str, Source]:
    return {f"m{n}": Source("message", text) for n, text in enumerate(texts)}


@pytest.mark.parametrize(
    ("text", "budget", "authority", "need", "timeline", "lead"),
    [
        ("Bom dia", 0, 0, 0, 0, 0),
        ("Qual o valor?", 0.5, 0, 0, 0, 13),
        ("QUANTO CUSTA? Qual o preço?", 0.6, 0, 0, 0, 15),
        ("orçamento, valor, preço, investimento, custo e quanto custa", 0.9, 0, 0, 0, 23),
        ("Sou gerente", 0, 0.5, 0, 0, 8),
        ("Sou o dono", 0, 0.5, 0, 0, 13),
        ("Preciso resolver um problema", 0, 0, 0.6, 0, 13),
        ("Preciso urgente", 0, 0, 0.6, 0.5, 28),
        ("Esta semana", 0, 0, 0, 0.5, 8),
        ("Algo rápido", 0, 0, 0, 0.5, 2),
    ],
)
def test_keywords_make_findings(
    text: str, budget: float, authority: float, need: float, timeline: float, lead: int
) -> None:
    analysis = keywords.analyze(spoken(text), CRITERIA)

    confidences = (
        analysis.budget.confidence,
        analysis.authority.confidence,
        analysis.need.confidence,
        analysis.timeline.confidence,
    )
    assert confidences == pytest.approx((budget, authority, need, timeline))
    assert bant.score(analysis, CRITERIA).lead == lead


@pytest.mark.parametrize("text", ["orcamento", "ORÇAMENTO!", "os orçamentos", "(orçamento)"])
def test_a_keyword_is_found_however_it_is_written(text: str) -> None:
    assert keywords.analyze(spoken(text), CRITERIA).budget.detected


@pytest.mark.parametrize("text", ["o oceano", "valorizar", "desprazo", "custodiar"])
def test_a_keyword_is_no_part_of_another_word(text: str) -> None:
    analysis = keywords.analyze(spoken(text), CRITERIA)

    assert not any(getattr(analysis, dimension).detected for dimension in bant.DIMENSIONS)


@pytest.mark.parametrize(
    ("text", "decides"),
    [("Sou o CEO", True), ("sou diretora", True), ("o gerente", False), ("responsável pela compra", False)],
)
def test_directors_and_owners_decide(text: str, decides: bool) -> None:
    assert keywords.analyze(spoken(text), CRITERIA).authority.is_decision_maker is decides


@pytest.mark.parametrize(
    ("text", "urgency", "timeframe"),
    [
        ("preciso para agora", "high", "immediate"),
        ("preciso hoje", "high", "immediate"),
        ("é urgente", "high", "immediate"),
        ("preciso esta semana", "medium", "1-2_weeks"),
        ("qual o prazo?", "medium", "1-2_weeks"),
        ("quero algo rápido", "medium", "indefinite"),
    ],
)
def test_words_of_hurry_say_how_soon(text: str, urgency: str, timeframe: str) -> None:
    analysis = keywords.analyze(spoken(text), CRITERIA)

    assert (analysis.need.urgency, analysis.timeline.timeframe) == (urgency, timeframe)


@pytest.mark.parametrize(
    ("text", "intent"),
    [("Quero saber o preço", "purchase"), ("Tenho um problema", "information"), ("Bom dia", "other")],
)
def test_the_intent_follows_from_what_was_found(text: str, intent: str) -> None:
    assert keywords.analyze(spoken(text), CRITERIA).overall_intent == intent


def test_every_finding_cites_the_sentence_it_was_found_in() -> None:
    known = spoken("Bom dia! Qual o preço da torta? Obrigada.", "Sou a responsável.\nPreciso para hoje.")

    analysis = keywords.analyze(known, CRITERIA)

    (budget,) = analysis.budget.evidence
    assert (budget.message_id, budget.quote) == ("m0", "Qual o preço da torta?")
    (need,) = analysis.need.evidence
    assert (need.message_id, need.quote) == ("m1", "Preciso para hoje.")
    assert bant.verified(analysis, known)[1] == []


def test_the_customers_words_go_before_those_of_colleagues() -> None:
    known = spoken("Bom dia") | {"a1": Source("activity", "Liguei hoje, preciso retornar")}

    analysis = keywords.analyze(known, CRITERIA)

    assert not analysis.timeline.detected


def test_colleagues_are_read_where_the_customer_said_nothing() -> None:
    known = {"a1": Source("activity", "Tem orçamento aprovado"), "l1": Source("notes", "É o dono")}

    analysis = keywords.analyze(known, CRITERIA)

    assert analysis.budget.detected
    assert analysis.authority.is_decision_maker


def test_it_says_what_it_is() -> None:
    analysis = keywords.analyze(spoken("Qual o preço? Preciso hoje"), CRITERIA)

    assert (analysis.provider, analysis.degraded, analysis.model) == ("rules", True, "")
    assert analysis.reasoning == (
        "Palavras-chave encontradas: orçamento (preço); necessidade (preciso); prazo (hoje)."
    )
