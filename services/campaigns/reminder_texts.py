"""What customers read about their meetings, in Portuguese and in the workspace's time."""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.campaigns.templates import render

WEEKDAYS = (
    "segunda-feira",
    "terça-feira",
    "quarta-feira",
    "quinta-feira",
    "sexta-feira",
    "sábado",
    "domingo",
)
DEFAULTS = {
    "24h": "Olá! Lembrete da sua reunião “{{titulo}}”: {{diaSemana}}, {{data}}, às {{hora}}.",
    "1h": "Olá! Sua reunião “{{titulo}}” começa às {{hora}}.{{link}}",
}
CANCELLED = "Olá! A reunião “{{titulo}}” de {{diaSemana}}, {{data}}, às {{hora}}, foi cancelada."


def reminder(
    kind: str, own: str | None, title: str, moment: datetime, zone: ZoneInfo, link: str | None
) -> str:
    """The workspace's own text, or a short one."""
    known = {**_known(title, moment, zone), "link": f" {link}" if link else ""}
    return render(own or DEFAULTS[kind], known).strip()


def cancelled(title: str, moment: datetime, zone: ZoneInfo) -> str:
    return render(CANCELLED, _known(title, moment, zone))


def label(moment: datetime, zone: ZoneInfo) -> str:
    """`quinta-feira, 26/11, às 14:00`"""
    known = _known("", moment, zone)
    return f"{known['diaSemana']}, {known['data']}, às {known['hora']}"


def _known(title: str, moment: datetime, zone: ZoneInfo) -> dict[str, str]:
    local = moment.astimezone(zone)
    return {
        "titulo": title,
        "diaSemana": WEEKDAYS[local.weekday()],
        "data": f"{local:%d/%m}",
        "hora": f"{local:%H:%M}",
    }
