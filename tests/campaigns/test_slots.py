"""When a meeting is possible, and what is understood of a customer's answer."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.campaigns import slot_texts
from services.campaigns.slots import Slot, Terms, Window, Wishes, propose

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
TUESDAY = datetime(2026, 3, 10, 8, 0, tzinfo=SAO_PAULO)
TERMS = Terms(
    duration=timedelta(minutes=30),
    interval=timedelta(minutes=30),
    min_advance=timedelta(hours=2),
    max_advance=timedelta(days=30),
    buffer_before=timedelta(minutes=5),
    buffer_after=timedelta(minutes=5),
)
NO_WISHES = Wishes()


def local(slots: list[Slot]) -> list[str]:
    return [f"{slot.start.astimezone(SAO_PAULO):%d %H:%M}" for slot in slots]


def offered(
    moment: datetime = TUESDAY,
    *,
    windows: tuple[Window, ...] = (),
    busy: dict[str, list[tuple[datetime, datetime]]] | None = None,
    wishes: Wishes = NO_WISHES,
    needed: int = 1,
    limit: int = 5,
) -> list[Slot]:
    team = busy or {"ana": []}
    return propose(moment, SAO_PAULO, TERMS, windows, team, wishes, needed=needed, limit=limit)


def at(day: int, clock: str) -> datetime:
    return datetime.combine(date(2026, 3, day), time.fromisoformat(clock), SAO_PAULO).astimezone(UTC)


def test_without_configuration_offices_are_open_on_weekdays() -> None:
    assert local(offered()) == ["10 10:00", "10 11:00", "10 14:00", "10 15:00", "10 16:00"]
    friday_evening = datetime(2026, 3, 13, 17, 30, tzinfo=SAO_PAULO)
    assert local(offered(friday_evening))[:2] == ["16 09:00", "16 10:00"]


def test_nothing_is_offered_sooner_or_later_than_the_terms_allow() -> None:
    slots = offered(limit=1000)

    assert slots[0].start == TUESDAY + timedelta(hours=2)
    assert slots[-1].start <= TUESDAY + timedelta(days=30)
    assert local(slots[-1:])[0].startswith("08")


def test_other_meetings_and_the_pauses_around_them_are_skipped() -> None:
    busy = {"ana": [(at(10, "10:30"), at(10, "10:56")), (at(10, "14:35"), at(10, "15:00"))]}

    assert local(offered(busy=busy)) == ["10 14:00", "10 16:00", "10 17:00", "11 09:00", "11 10:00"]


def test_a_time_is_offered_while_anybody_is_free() -> None:
    busy = {"ana": [(at(10, "10:00"), at(10, "12:00"))], "bia": []}

    slots = offered(busy=busy)

    assert slots[0].people == ("bia",)
    assert slots[2].people == ("ana", "bia")


def test_who_have_to_come_together_have_to_be_free_together() -> None:
    busy = {"ana": [(at(10, "10:00"), at(10, "12:00"))], "bia": [(at(10, "14:00"), at(10, "15:00"))]}

    slots = offered(busy=busy, needed=2)

    assert local(slots)[:2] == ["10 16:00", "10 17:00"]
    assert {slot.people for slot in slots} == {("ana", "bia")}


def test_nobody_free_is_nothing_to_offer() -> None:
    assert offered(busy={"ana": [(at(1, "00:00"), at(31, "23:00") + timedelta(days=30))]}) == []


def test_windows_say_when_who_is_there() -> None:
    windows = (
        Window(time(9), time(10), True, weekday=3),
        Window(time(13), time(14), True, person="bia", weekday=2),
        Window(time(9, 30), time(10), False, weekday=3),
    )

    slots = offered(windows=windows, busy={"ana": [], "bia": []}, limit=3)

    assert local(slots) == ["10 13:00", "10 13:30", "11 09:00"]
    assert [slot.people for slot in slots] == [("bia",), ("bia",), ("ana", "bia")]


def test_one_date_may_be_open_or_closed() -> None:
    windows = (
        Window(time(9), time(10), True, weekday=3),
        Window(time(0), time(23, 59), False, day=date(2026, 3, 11)),
        Window(time(20), time(21), True, day=date(2026, 3, 14)),
    )

    assert local(offered(windows=windows, limit=3)) == ["14 20:00", "14 20:30", "18 09:00"]


def test_wishes_come_first() -> None:
    wishes = Wishes([date(2026, 3, 12)], "afternoon")

    assert local(offered(wishes=wishes)) == ["12 14:00", "12 15:00", "12 16:00", "12 17:00", "10 10:00"]


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("2", 2),
        (" 2. ", 2),
        ("opção 3", 3),
        ("Opcao número 4", 4),
        ("a 1", 1),
        ("o 5, por favor", 5),
        ("9", 9),
        ("a segunda opção", 2),
        ("pode ser o primeiro horário?", 1),
        ("segunda", None),
        ("tenho 2 filhos", None),
        ("às 14", None),
        ("quero outro dia", None),
        ("", None),
    ],
)
def test_a_number_picks_and_anything_else_is_conversation(answer: str, number: int | None) -> None:
    assert slot_texts.picked(answer) == number


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [
        ("Sim!", True),
        ("ok", True),
        ("pode confirmar", True),
        ("não", False),
        ("nao, outro horário", False),
        ("hum", None),
    ],
)
def test_yes_and_no_are_understood(answer: str, agreed: bool | None) -> None:
    assert slot_texts.agreed(answer) is agreed
