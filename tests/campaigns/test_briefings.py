"""What speaks for a person, and how urgently; and the hand-over without anybody's help."""

import pytest

from services.campaigns.briefings import Facts, assess, canonical, mentioned, raised


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        (Facts(), []),
        (Facts(sentiment="negative"), ["negative_sentiment"]),
        (Facts(sentiment="positive"), []),
        (Facts(minutes_unanswered=30), []),
        (Facts(minutes_unanswered=31), ["delayed_response"]),
        (Facts(minutes_unanswered=None), []),
        (Facts(minutes_unanswered=12, patience_minutes=10), ["delayed_response"]),
        (Facts(keyword="atendente"), ["keyword_match"]),
        (Facts(auto_replies=5, max_replies=5), ["max_replies"]),
        (Facts(auto_replies=5), []),
    ],
)
def test_each_signal_is_a_reason(facts: Facts, reasons: list[str]) -> None:
    assessment = assess(facts)

    assert assessment.reasons == reasons
    assert assessment.should_escalate is bool(reasons)


def test_a_hot_lead_that_waits_is_named_but_does_not_escalate_by_itself() -> None:
    assessment = assess(Facts(lead_score=80, minutes_unanswered=1))

    assert assessment.reasons == ["high_value_lead"]
    assert not assessment.should_escalate
    assert assessment.priority == "high"
    assert assess(Facts(lead_score=80)).reasons == []


@pytest.mark.parametrize(
    ("facts", "base", "priority"),
    [
        (Facts(), "medium", "medium"),
        (Facts(sentiment="negative"), "medium", "high"),
        (Facts(sentiment="negative"), "low", "medium"),
        (Facts(sentiment="negative", lead_score=90), "medium", "urgent"),
        (Facts(keyword="atendente"), "medium", "high"),
        (Facts(reason="request"), "medium", "high"),
        (Facts(keyword="atendente", reason="customer_request"), "medium", "high"),
        (Facts(sentiment="negative", lead_score=90, keyword="atendente"), "medium", "urgent"),
        (Facts(minutes_unanswered=500), "medium", "medium"),
    ],
)
def test_each_step_makes_it_more_urgent_up_to_a_limit(facts: Facts, base: str, priority: str) -> None:
    assert assess(facts, base).priority == priority


def test_the_suggested_reason_is_the_canonical_one() -> None:
    assert assess(Facts(minutes_unanswered=99)).suggested_reason == "timeout"
    assert assess(Facts(sentiment="negative", reason="keyword")).suggested_reason == "keyword_match"
    assert assess(Facts()).suggested_reason is None


def test_any_other_reason_is_kept_as_it_is() -> None:
    assert canonical("manual_takeover") == "manual"
    assert canonical("cliente VIP") == "cliente VIP"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Quero falar com humano", "falar com humano"),
        ("FALAR COM HUMANO!", "falar com humano"),
        ("sou atendente de loja", "atendente"),
        ("fui bem atendido", None),
        ("atendentes demais", None),
        ("", None),
    ],
)
def test_keywords_are_whole_words_whatever_their_accents(text: str, found: str | None) -> None:
    assert mentioned(text, ("falar com humano", "atendente")) == found
    assert mentioned("Olá, atenção", ("atencao",)) == "atencao"


def test_priorities_end_at_urgent() -> None:
    assert [raised("low", steps) for steps in range(5)] == ["low", "medium", "high", "urgent", "urgent"]
