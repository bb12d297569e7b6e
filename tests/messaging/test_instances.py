"""Instances: kept with their secrets, connected, checked, and told where to post."""

import pytest

from protos import messaging_pb2 as pb
from services.kit import egress
from services.kit.crypto import Vault
from services.kit.db import Database
from services.kit.egress import AddressNotAllowed, Policy
from services.kit.errors import Invalid
from services.kit.settings import vault
from services.messaging import endpoints, instances, probes, sending
from services.messaging.endpoints import WebhookNotSet
from services.messaging.evolution import calls
from services.messaging.instances import InstanceInUse, InstanceNotFound, NameTaken
from services.messaging.probes import CheckFailed, NotConnecting
from services.messaging.settings import settings
from tests.fakes.evolution_rest_chats import picture_of
from tests.messaging.builders import announced, inbox, make_instance, receive, upsert
from tests.messaging.conftest import Shop
from tests.support import ADMIN, INTELLIGENCE, SUPERVISOR

PHONE = "5511988887777"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_answered", None)
    calls.versions.clear()


async def shown(db: Database, id: str) -> pb.Instance:
    async with db.read() as session:
        return (await instances.get(session, ADMIN, pb.GetInstanceRequest(id=id))).instance


async def change(db: Database, id: str, **values: object) -> pb.Instance:
    request = pb.UpdateInstanceRequest(id=id, **values)  # type: ignore[arg-type]
    return (await instances.change(db, ADMIN, request)).instance


async def test_an_instance_is_changed_and_never_shows_its_key(db: Database) -> None:
    id = await make_instance(db)

    changed = await change(
        db, id, name="Vendas", api_url="http://127.0.0.1:8080/manager/", api_key="new-key", sends_per_minute=5
    )

    assert (changed.name, changed.api_host, changed.sends_per_minute) == ("Vendas", "127.0.0.1:8080", 5)
    assert changed.has_secrets
    assert "new-key" not in str(changed)
    async with db.read() as session:
        target = await instances.server(session, id)
    assert (target.api_url, target.api_key) == ("http://127.0.0.1:8080", "new-key")


async def test_what_makes_no_instance_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    name = (await shown(db, await make_instance(db))).instance_name
    other = await make_instance(db)

    with pytest.raises(NameTaken):
        await make_instance(db, name)
    with pytest.raises(NameTaken):
        await change(db, other, instance_name=name)
    with pytest.raises(Invalid):
        await change(db, other)
    with pytest.raises(AddressNotAllowed):
        await change(db, other, api_url="http://169.254.169.254/latest")
    with pytest.raises(InstanceNotFound):
        await change(db, ADMIN.id, name="Nenhuma")


async def test_an_instance_of_the_cloud_has_an_id_over_there(db: Database) -> None:
    id = await make_instance(db)
    with pytest.raises(Invalid) as refused:
        await change(db, id, provider_type="cloud")

    changed = await change(db, id, provider_type="cloud", instance_id_external="over-there")

    assert [*refused.value.fields] == ["instanceIdExternal"]
    assert (changed.provider_type, changed.instance_id_external) == ("cloud", "over-there")
    with pytest.raises(Invalid):
        await change(db, id, instance_id_external="")
    assert (await change(db, id, name="Vendas")).name == "Vendas"


async def test_no_transaction_waits_for_a_name_to_be_looked_up(
    shop: Shop, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = (await shop.greeted_by(PHONE)).id
    narrow = Database(urls["messaging"], schema="messaging", size=1)
    await narrow.open()
    looked_up, vet = [], egress.vet

    async def look_up(url: str, policy: Policy) -> None:
        async with narrow.begin() as session:  # there is one connection: it is free, or this fails
            looked_up.append(await session.scalar("select %(url)s", url=url))
        await vet(url, policy)

    monkeypatch.setattr(egress, "vet", look_up)
    (customer,) = shop.simulator.customers.values()
    customer.picture = b"\xff\xd8\xff" + bytes(100)
    url = picture_of(shop.simulator, customer)

    instance = await make_instance(narrow, api_url=shop.simulator.url)
    await change(narrow, instance, api_url=shop.simulator.url)
    request = pb.SendMessageRequest(conversation_id=conversation, message_type="image", media_url=url)
    sent = await sending.send(narrow, SUPERVISOR, request)

    await narrow.close()
    assert looked_up == [shop.simulator.url, shop.simulator.url, url]
    assert (sent.message.media_url, sent.message.media_mimetype) == (url, "image/jpeg")


async def test_with_conversations_it_is_deleted_only_if_forced(shop: Shop) -> None:
    await shop.greeted_by(PHONE)

    async with shop.db.begin() as session:
        with pytest.raises(InstanceInUse):
            await instances.remove(session, ADMIN, pb.DeleteInstanceRequest(id=shop.instance))
        done = await instances.remove(session, ADMIN, pb.DeleteInstanceRequest(id=shop.instance, force=True))

    assert done.success
    assert await inbox(shop.db, instance_id=shop.instance) == []


async def test_a_test_tells_evolutions_word_and_ours(shop: Shop) -> None:
    shop.simulator.instances[shop.name].state = "close"

    told = await probes.test(shop.db, SUPERVISOR, pb.TestInstanceRequest(id=shop.instance))

    assert (told.status, told.state) == ("disconnected", "close")
    assert (await shown(shop.db, shop.instance)).status == "disconnected"
    assert (await announced(shop.db, shop.instance)).count("instance_status_changed") == 1


async def test_no_answer_is_disconnected_and_an_upstream_error(shop: Shop) -> None:
    await change(shop.db, shop.instance, api_url="http://127.0.0.1:9")

    with pytest.raises(CheckFailed) as failed:
        await probes.test(shop.db, SUPERVISOR, pb.TestInstanceRequest(id=shop.instance))

    assert failed.value.details["success"] is False
    assert (await shown(shop.db, shop.instance)).status == "disconnected"


async def test_all_are_checked_and_one_that_fails_spoils_nothing(shop: Shop) -> None:
    lost = await make_instance(shop.db)

    reply = await probes.check_status(shop.db, SUPERVISOR, pb.CheckStatusRequest())

    checks = {one.instance_id: one for one in reply.status_checks}
    assert (checks[shop.instance].success, checks[shop.instance].status) == (True, "connected")
    assert not checks[lost].success
    assert reply.errors >= 1


async def test_a_phone_is_connected_by_a_code(shop: Shop) -> None:
    request = pb.ConnectInstanceRequest(id=shop.instance)
    connected = await probes.connect(shop.db, ADMIN, request)
    shop.simulator.instances[shop.name].state = "close"

    scanning = await probes.connect(shop.db, ADMIN, request)
    by_number = await probes.connect(
        shop.db, ADMIN, pb.ConnectInstanceRequest(id=shop.instance, number="5511900000001")
    )

    assert connected.status == "connected"
    assert scanning.qr_code.startswith("data:image/png;base64,")
    assert by_number.pairing_code == "ABCD1234"
    await shop.simulator.settled()
    assert (await shown(shop.db, shop.instance)).qr_code


async def test_what_evolution_does_not_know_is_made_there_and_posts_to_us(shop: Shop) -> None:
    del shop.simulator.instances[shop.name]
    request = pb.ConnectInstanceRequest(id=shop.instance, number="5511900000001")

    told = await probes.connect(shop.db, ADMIN, request)

    assert (told.status, told.pairing_code) == ("connecting", "ABCD1234")
    assert told.qr_code.startswith("data:image/png;base64,")
    assert await statuses(shop, secret_over_there(shop), "guess") == [200, 401]
    webhook = shop.simulator.instances[shop.name].webhook
    assert webhook
    assert webhook["url"] == f"{settings().public_url}/api/whatsapp/webhooks/evolution"
    shop.simulator.connection(shop.name, "open")
    assert (await probes.connect(shop.db, ADMIN, request)).status == "connected"


async def test_with_another_key_than_the_servers_own_nothing_is_made_there(shop: Shop) -> None:
    del shop.simulator.instances[shop.name]
    await change(shop.db, shop.instance, api_key="somebody-elses")

    with pytest.raises(NotConnecting):
        await probes.connect(shop.db, ADMIN, pb.ConnectInstanceRequest(id=shop.instance))

    assert shop.name not in shop.simulator.instances


async def configure(shop: Shop) -> pb.ConfigureWebhookResponse:
    request = pb.ConfigureWebhookRequest(id=shop.instance, url="http://127.0.0.1:9/hook")
    return await endpoints.configure(shop.db, ADMIN, request)


def secret_over_there(shop: Shop) -> str:
    webhook = shop.simulator.instances[shop.name].webhook
    assert webhook
    return str(webhook["headers"]["x-webhook-token"])


async def statuses(shop: Shop, *secrets: str) -> list[int]:
    found = []
    for secret in secrets:
        (receipt,) = await receive(shop.db, upsert(shop.name, "Oi"), secret=secret)
        found.append(receipt.status)
    return found


async def test_the_secret_that_evolution_was_given_is_demanded_and_rotates(shop: Shop) -> None:
    await configure(shop)
    first = secret_over_there(shop)
    await configure(shop)
    second = secret_over_there(shop)

    assert first != second
    assert await statuses(shop, second, first, "guess", "") == [200, 200, 401, 401]
    assert (await shown(shop.db, shop.instance)).webhook_checked_at


async def test_a_change_that_failed_leaves_the_old_secret_in_force(shop: Shop) -> None:
    await configure(shop)
    first = secret_over_there(shop)
    working = (await shown(shop.db, shop.instance)).api_host

    for _ in range(3):
        await change(shop.db, shop.instance, api_url="http://127.0.0.1:9")
        with pytest.raises(WebhookNotSet):
            await configure(shop)

    assert await statuses(shop, first) == [200]
    await change(shop.db, shop.instance, api_url=f"http://{working}")
    await configure(shop)
    assert await statuses(shop, secret_over_there(shop), first) == [200, 200]


async def test_a_webhook_that_evolution_forgot_is_told_again(shop: Shop) -> None:
    await configure(shop)
    shop.simulator.instances[shop.name].webhook = None

    await endpoints.keep_verified(shop.db)

    assert await statuses(shop, secret_over_there(shop)) == [200]


async def test_where_no_headers_are_sent_the_secret_is_in_the_address(shop: Shop) -> None:
    shop.simulator.version = "1.8.6"

    await configure(shop)

    webhook = shop.simulator.instances[shop.name].webhook
    assert webhook
    secret = str(webhook["url"]).partition("?token=")[2]
    assert await statuses(shop, secret, "guess") == [200, 401]


async def test_connected_is_not_believed_where_nothing_is_acknowledged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.simulator.plan.statuses = []
    shop.simulator.plan.echo = "never"
    conversation = await shop.greeted_by(PHONE)
    request = pb.SendMessageRequest(conversation_id=conversation.id, content="Chega?")
    await sending.send(shop.db, SUPERVISOR, request)

    async with shop.db.begin() as session:
        await session.run(
            "update instances set last_sent_at = now() - interval '20 minutes',"
            " last_inbound_at = now() - interval '30 minutes' where id = %(id)s",
            id=shop.instance,
        )
    deaf = await shown(shop.db, shop.instance)
    async with shop.db.read() as session:
        asked = pb.CheckInstancesRequest(ids=[shop.instance])
        (health,) = (await instances.check(session, INTELLIGENCE, asked)).instances
    shop.simulator.status(shop.simulator.ledger[0].external_id, "SERVER_ACK", instance=shop.name)
    await shop.simulator.settled()

    assert (deaf.status, deaf.health, health.connected) == ("connected", "silent", False)
    assert (await shown(shop.db, shop.instance)).health == "ok"


async def test_keys_are_sealed_anew_under_a_new_master_secret(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await make_instance(db)
    old, new = settings().jwt_secret.get_secret_value(), "another secret of thirty-two bytes and more"
    vault.cache_clear()
    monkeypatch.setattr(instances, "vault", lambda: Vault(new, (old,)))

    async with db.begin() as session:
        await instances.reseal(session)
        again = await instances.reseal(session)

    monkeypatch.setattr(instances, "vault", lambda: Vault(new))
    async with db.begin() as session:
        assert (await instances.server(session, id)).api_key == "global-key"
        monkeypatch.setattr(instances, "vault", lambda: Vault(old, (new,)))
        await instances.reseal(session)
    assert again == 0


async def test_asked_again_at_once_evolution_is_left_alone(shop: Shop) -> None:
    first = await probes.check_status(shop.db, SUPERVISOR, pb.CheckStatusRequest())
    shop.simulator.instances[shop.name].state = "close"
    second = await probes.check_status(shop.db, SUPERVISOR, pb.CheckStatusRequest())

    assert first == second
