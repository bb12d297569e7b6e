"""The rules of campaigns that need no database."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.campaigns import pacing, progress, quiet, reports, templates
from services.kit.errors import Invalid

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MANAUS = ZoneInfo("America/Manaus")


def at(clock: str, zone: ZoneInfo = SAO_PAULO) -> datetime:
    return datetime.fromisoformat(f"2026-03-10T{clock}").replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("clock", "allowed"),
    [
        ("20:59", True),
        ("21:00", False),
        ("23:59", False),
        ("00:00", False),
        ("07:59", False),
        ("08:00", True),
    ],
)
def test_quiet_hours_may_span_midnight(clock: str, allowed: bool) -> None:
    assert quiet.allows(quiet.hours("21:00", "08:00"), at(clock), SAO_PAULO) is allowed


@pytest.mark.parametrize(
    ("clock", "allowed"), [("11:59", True), ("12:00", False), ("13:59", False), ("14:00", True)]
)
def test_quiet_hours_may_be_within_a_day(clock: str, allowed: bool) -> None:
    assert quiet.allows(quiet.hours("12:00", "14:00"), at(clock), SAO_PAULO) is allowed


def test_quiet_hours_are_those_of_the_contacts_place() -> None:
    rest = quiet.hours("21:00", "08:00")

    assert not quiet.allows(rest, at("21:30"), SAO_PAULO)
    assert quiet.allows(rest, at("21:30"), MANAUS)


def test_a_message_may_be_sent_until_quiet_hours_begin() -> None:
    rest = quiet.hours("21:00", "08:00")

    assert quiet.begins_next(rest, at("10:00"), SAO_PAULO) == at("21:00").astimezone(UTC)
    assert quiet.begins_next(rest, at("21:00"), SAO_PAULO) == datetime(2026, 3, 12, 0, 0, tzinfo=UTC)
    assert quiet.begins_next(None, at("10:00"), SAO_PAULO) is None


@pytest.mark.parametrize(("start", "end"), [(None, None), ("", ""), ("09:00", "09:00")])
def test_no_quiet_hours_are_no_quiet_at_all(start: str | None, end: str | None) -> None:
    assert quiet.allows(quiet.hours(start, end), at("03:00"), SAO_PAULO)


@pytest.mark.parametrize(
    ("cap", "since", "allowed"),
    [
        (None, None, None),
        (500, None, 500),
        (None, date(2026, 3, 10), 50),
        (None, date(2026, 3, 9), 100),
        (None, date(2026, 3, 7), 400),
        (300, date(2026, 3, 7), 300),
        (None, date(2026, 2, 24), None),
        (None, date(2026, 4, 1), 50),
    ],
)
def test_a_new_number_doubles_what_it_may_send_until_it_is_known(
    cap: int | None, since: date | None, allowed: int | None
) -> None:
    assert pacing.allowance(cap, since, date(2026, 3, 10)) == allowed


def test_placeholders_are_filled_in_one_pass() -> None:
    known = templates.values("{{dataAtual}}", "5511999990000", "Bia", at("09:05"), SAO_PAULO)

    text = templates.render("{{clienteNome}} {{ atendenteNome }} {{dataAtual}} {{horaAtual}}", known)

    assert text == "{{dataAtual}} Bia 10/03/2026 09:05"


def test_who_has_no_name_is_a_customer() -> None:
    known = templates.values("  ", "5511999990000", None, at("09:05"), SAO_PAULO)

    assert templates.render("{{clienteNome}}, {{atendenteNome}}", known) == "cliente, nossa equipe"


def test_the_workspaces_clock_is_the_one_that_customers_read() -> None:
    moment = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)

    known = templates.values("Ana", "1", None, moment, SAO_PAULO)

    assert (known["dataAtual"], known["horaAtual"]) == ("09/03/2026", "23:30")


@pytest.mark.parametrize("template", ["{{nome}}", "{{}}", "{{cliente Nome}}", "{{clienteNome}} {{x}}"])
def test_only_known_placeholders_are_accepted(template: str) -> None:
    with pytest.raises(Invalid):
        templates.check(template)


@pytest.mark.parametrize("old", progress.COUNTED)
@pytest.mark.parametrize("new", progress.COUNTED)
def test_moving_there_and_back_changes_no_counter(old: str, new: str) -> None:
    there, back = progress.difference(old, new), progress.difference(new, old)

    assert all(there[name] + back[name] == 0 for name in progress.COUNTERS)


def test_a_spreadsheet_runs_nothing_of_a_report() -> None:
    text = reports.lines([('=HYPERLINK("http://mau")', "+5511", "Ana; Bia", None, 3)]).decode()

    assert text == '"\'=HYPERLINK(""http://mau"")";\'+5511;"Ana; Bia";;3\r\n'
