"""The text of a campaign: `{{placeholders}}`, checked when it is written and filled for each recipient."""

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from services.kit.errors import Invalid

PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
KNOWN = ("clienteNome", "clienteTelefone", "atendenteNome", "setorNome", "dataAtual", "horaAtual")
NEUTRAL_CUSTOMER = "cliente"
NEUTRAL_AGENT = "nossa equipe"
NEUTRAL_SECTOR = "atendimento"


def check(template: str) -> None:
    """Refuse placeholders that nobody fills."""
    unknown = sorted({name for name in PLACEHOLDER.findall(template) if name not in KNOWN})
    if unknown:
        raise Invalid(
            f"Unknown placeholder: {', '.join(unknown)[:200]}. Known are {', '.join(KNOWN)}.",
            fields={"messageTemplate": "holds an unknown placeholder"},
        )


def values(
    name: str | None, phone: str, author: str | None, moment: datetime, zone: ZoneInfo
) -> dict[str, str]:
    """What the placeholders stand for, for one recipient at one moment."""
    local = moment.astimezone(zone)
    return {
        "clienteNome": (name or "").strip() or NEUTRAL_CUSTOMER,
        "clienteTelefone": phone,
        "atendenteNome": (author or "").strip() or NEUTRAL_AGENT,
        "setorNome": NEUTRAL_SECTOR,
        "dataAtual": f"{local:%d/%m/%Y}",
        "horaAtual": f"{local:%H:%M}",
    }


def render(template: str, known: Mapping[str, str]) -> str:
    """In one pass: a customer who is called `{{x}}` stays called that."""
    return PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), template)
