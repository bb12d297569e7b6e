"""A campaign over the wire: from its draft to what became of each message."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.kit.tables import new_id
from tests.e2e.conftest import Office, shown

PDF = b"%PDF-1.4\n%%EOF\n"

pytestmark = pytest.mark.timeout(240)


async def customers(office: Office, count: int) -> dict[str, str]:
    """So many who have written once: their contacts, by phone."""
    phones = [f"55118{int(new_id()[-7:], 16) % 10_000_000:07d}{number}" for number in range(count)]
    found = {}
    for phone in phones:
        await office.greet(phone, "human")
        found[phone] = str((await office.conversation(phone))["contactId"])
    return found


async def drafted(office: Office, contacts: list[str], **fields: Any) -> dict[str, Any]:
    body = {
        "name": "Volta às aulas",
        "messageTemplate": "Olá, {{clienteNome}}!",
        "instanceId": office.instance_id,
        "targetAudience": {"contactIds": contacts},
        **fields,
    }
    return await office.call("POST", "/api/campaigns", body, expect=201)


async def report(office: Office, id: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The campaign as it is shown, once it is as wanted."""

    async def read() -> dict[str, Any]:
        return await office.call("GET", f"/api/campaigns/{id}")

    return await shown(read, until)


async def test_a_campaign_reaches_everybody_once_and_hears_what_became_of_it(office: Office) -> None:
    contacts = await customers(office, 3)
    made = await drafted(office, [*contacts.values()])
    id = made["campaign"]["id"]
    assert (made["estimatedRecipients"], made["campaign"]["status"]) == (3, "draft")

    started = await office.call("POST", f"/api/campaigns/{id}/send", {}, expect=202)
    await office.call("POST", f"/api/campaigns/{id}/send", {}, expect=409)
    received = [(await office.simulator.wait_for(phone, 1, timeout=30))[0] for phone in contacts]
    office.simulator.read(next(iter(contacts)), received[0].external_id, instance=office.instance)

    assert started["totalRecipients"] == 3
    assert [one.text for one in received] == ["Olá, Maria!"] * 3
    detail = await report(office, id, lambda it: it["stats"]["read"] == 1 and it["stats"]["delivered"] == 3)
    assert (detail["campaign"]["status"], detail["stats"]["progress"]) == ("completed", 100)
    assert {line["status"] for line in detail["messages"]} == {"delivered", "read"}
    assert {line["whatsappMessageId"] for line in detail["messages"]} == {one.external_id for one in received}
    headers = {"authorization": f"Bearer {office.token}"}
    file = await office.stack.client.get(f"/api/campaigns/{id}/recipients.csv", headers=headers)
    assert file.headers["content-type"].startswith("text/csv")
    assert len(file.text.splitlines()) == 4
    assert [len(office.simulator.received(phone)) for phone in contacts] == [1, 1, 1]


async def test_who_opts_out_while_the_campaign_is_sent_gets_no_more_of_it(office: Office) -> None:
    contacts = await customers(office, 5)
    *_, last = sorted(contacts, key=lambda phone: contacts[phone])
    made = await drafted(office, [*contacts.values()])
    id = made["campaign"]["id"]

    await office.call("POST", f"/api/campaigns/{id}/send", {}, expect=202)
    office.simulator.say(last, "SAIR", instance=office.instance)

    detail = await report(office, id, lambda it: it["campaign"]["status"] == "completed")
    assert (detail["stats"]["sent"], detail["stats"]["cancelled"]) == (4, 1)
    (line,) = [line for line in detail["messages"] if line["status"] == "cancelled"]
    assert (line["phoneNumber"], line["error"]) == (last, "opted_out")
    (goodbye,) = office.simulator.received(last)
    assert "VOLTAR" in goodbye.text
    again = await drafted(office, [*contacts.values()])
    assert again["estimatedRecipients"] == 4


async def test_a_campaign_that_is_cancelled_stops_in_flight(office: Office) -> None:
    contacts = await customers(office, 6)
    made = await drafted(office, [*contacts.values()])
    id = made["campaign"]["id"]
    await office.call("POST", f"/api/campaigns/{id}/send", {}, expect=202)
    await report(office, id, lambda it: it["stats"]["sent"] >= 1)

    cancelled = await office.call("POST", f"/api/campaigns/{id}/cancel", {})

    assert cancelled["campaign"]["status"] == "cancelled"
    detail = await report(office, id, lambda it: not it["stats"]["pending"])
    await asyncio.sleep(3)
    got = sum(len(office.simulator.received(phone)) for phone in contacts)
    assert got == detail["stats"]["sent"] < 6
    assert detail["stats"]["sent"] + detail["stats"]["cancelled"] == 6
    again = await office.call("POST", f"/api/campaigns/{id}/cancel", {})
    assert again["cancelledRecipients"] == 0


async def test_a_stored_document_goes_out_under_its_own_name(office: Office) -> None:
    (phone, contact), *_ = (await customers(office, 1)).items()
    form = {"file": ("Tabela de preços.pdf", PDF, "application/pdf")}
    headers = {"authorization": f"Bearer {office.token}"}
    stored = (await office.stack.client.post("/api/storage/upload", files=form, headers=headers)).json()
    made = await drafted(office, [contact], mediaUrl=stored["key"], mediaType="document")

    await office.call("POST", f"/api/campaigns/{made['campaign']['id']}/send", {}, expect=202)

    (received,) = await office.simulator.wait_for(phone, 1, timeout=30)
    assert (received.file, received.text) == (PDF, "Olá, Maria!")
    sent = office.simulator.instances[office.instance].stored[received.external_id].record
    assert sent["message"]["documentMessage"]["fileName"] == "Tabela de preços.pdf"
