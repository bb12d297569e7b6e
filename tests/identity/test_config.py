"""The configuration of the workspace, and its setup."""

from typing import Any

import orjson
import pytest

from protos import identity_pb2 as pb
from services.identity import config, setup
from services.identity.config import ConfigObjectRequired
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from tests.identity.people import GATEWAY, emitted, rows, run, together

ADMIN = Actor(id=new_id(), role="admin")
AGENT = Actor(id=new_id(), role="agent")


async def save(db: Database, values: Any) -> pb.SaveConfigResponse:
    request = pb.SaveConfigRequest(config=orjson.dumps(values).decode())
    return await run(db, config.save, ADMIN, request)


async def shown(db: Database, actor: Actor = ADMIN) -> Any:
    reply = await run(db, config.get_config, actor, pb.GetConfigRequest())
    return orjson.loads(reply.config)


async def set_up(db: Database, **values: Any) -> pb.SetUpInfrastructureResponse:
    return await run(db, setup.set_up, ADMIN, pb.SetUpInfrastructureRequest(**values))


async def test_what_is_saved_is_shown(db: Database) -> None:
    values = {"company_name": "Empresa", "ai_agent": {"persona": "Ana", "limits": [1, 2.5, None]}, "on": True}

    reply = await save(db, values)

    assert (reply.success, reply.message) == (True, "Configuration saved successfully")
    assert {row.key: orjson.loads(row.value) for row in reply.config} == values
    assert await shown(db) == await shown(db, AGENT) == values


async def test_saving_again_changes_null_deletes_and_the_rest_stays(db: Database) -> None:
    await save(db, {"a": 1, "b": 2, "c": 3})

    await save(db, {"a": "um", "b": None, "never_was": None})

    assert await shown(db) == {"a": "um", "c": 3}


async def test_a_key_keeps_its_row(db: Database) -> None:
    (first,) = (await save(db, {"a": 1})).config

    (second,) = (await save(db, {"a": 2})).config

    assert (second.id, second.created_at) == (first.id, first.created_at)


async def test_many_at_once_save_the_same_keys(db: Database) -> None:
    replies = await together(*(save(db, {"a": n, "b": n, "c": n}) for n in range(10)))

    assert all(reply.success for reply in replies)
    assert len({*(await shown(db)).values()}) == 1


@pytest.mark.parametrize("values", [None, [], "text", 1])
async def test_only_an_object_is_a_configuration(db: Database, values: Any) -> None:
    with pytest.raises(ConfigObjectRequired, match="Config object is required"):
        await save(db, values)


async def test_a_missing_configuration_is_refused(db: Database) -> None:
    with pytest.raises(ConfigObjectRequired):
        await run(db, config.save, ADMIN, pb.SaveConfigRequest())


@pytest.mark.parametrize(
    "values",
    [
        {"Upper": 1},
        {"with space": 1},
        {"": 1},
        {"x" * 65: 1},
        {"a": "x" * 100_001},
        {"default_timezone": "Mars/Olympus"},
        {"working_hours_start": "25:00"},
        {"working_days": [1, 1]},
        {"working_days": [True]},
        {"require_account_approval": "perhaps"},
        {"allowed_email_domains": 7},
        {"default_timezone": []},
        {"setup_completed_at": 5},
    ],
)
async def test_what_would_trip_a_reader_is_refused_whole(db: Database, values: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await save(db, {"good": 1, **values})

    assert [*refused.value.fields] == [*values]
    assert await shown(db) == {}


async def test_secrets_are_masked_for_leads_and_absent_for_agents(db: Database) -> None:
    reply = await save(db, {"crm_token": "segredo", "smtp_password": "segredo", "name": "Empresa"})

    assert {row.key: row.value for row in reply.config}["crm_token"] == '"***"'
    assert await shown(db) == {"crm_token": "***", "smtp_password": "***", "name": "Empresa"}
    assert await shown(db, AGENT) == {"name": "Empresa"}


async def test_secrets_are_sealed_and_services_read_them(db: Database) -> None:
    await save(db, {"crm_token": "segredo", "name": "Empresa"})

    stored = await rows(db, "select value from project_config order by key")
    everything = await run(db, config.read, GATEWAY, pb.ReadConfigRequest())
    one = await run(db, config.read, GATEWAY, pb.ReadConfigRequest(keys=["name", "never_was"]))

    assert "segredo" not in stored[0].value
    assert dict(everything.values) == {"crm_token": '"segredo"', "name": '"Empresa"'}
    assert dict(one.values) == {"name": '"Empresa"'}


async def test_a_mask_that_comes_back_leaves_the_secret_alone(db: Database) -> None:
    await save(db, {"crm_token": "segredo"})

    await save(db, await shown(db))

    async with db.read() as session:
        assert await config.value(session, "crm_token") == "segredo"
    assert (await emitted(db)).count("config_updated") == 1


async def test_changes_are_announced_by_key_and_never_by_value(db: Database) -> None:
    await save(db, {"b": "texto", "a": None})

    (row,) = await rows(db, "select key, body from outbox")
    event = pb.ConfigUpdated.FromString(row.body)
    assert ([*event.keys], event.by, row.key) == (["a", "b"], ADMIN.id, "main")
    assert b"texto" not in row.body


async def test_before_the_setup_it_is_not_complete(db: Database) -> None:
    status = await run(db, setup.get_status, AGENT, pb.GetSetupStatusRequest())

    assert status.setup_completed is False
    assert not status.HasField("setup_completed_at")


async def test_a_setup_without_words_takes_the_defaults(db: Database) -> None:
    reply = await set_up(db)

    values = orjson.loads(reply.config)
    at = values.pop("setup_completed_at")
    assert reply.message == "Infrastructure setup completed"
    assert values == {
        "default_timezone": "America/Sao_Paulo",
        "working_hours_start": "09:00",
        "working_hours_end": "18:00",
        "working_days": [1, 2, 3, 4, 5],
        "setup_completed": True,
    }
    status = await run(db, setup.get_status, AGENT, pb.GetSetupStatusRequest())
    assert (status.setup_completed, status.setup_completed_at) == (True, at)
    assert await emitted(db) == ["config_updated", "setup_completed"]


async def test_a_setup_stores_what_it_is_told(db: Database) -> None:
    await set_up(
        db,
        company_name="Empresa",
        support_email="suporte@empresa.com.br",
        default_timezone="America/Manaus",
        working_hours_start="08:30",
        working_hours_end="17:00",
        working_days=[0, 6],
    )

    values = await shown(db)
    assert (values["company_name"], values["default_timezone"]) == ("Empresa", "America/Manaus")
    assert (values["working_hours_start"], values["working_days"]) == ("08:30", [0, 6])


@pytest.mark.parametrize(
    ("values", "culprit"),
    [
        ({"working_hours_start": "18:00", "working_hours_end": "09:00"}, "workingHoursEnd"),
        ({"working_hours_start": "18:00"}, "workingHoursEnd"),
        ({"working_days": [1, 1]}, "workingDays"),
    ],
)
async def test_hours_and_days_that_cannot_be_are_refused(
    db: Database, values: dict[str, Any], culprit: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await set_up(db, **values)

    assert culprit in refused.value.fields
