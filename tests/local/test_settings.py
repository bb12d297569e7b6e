"""What the user asks for."""

from pathlib import Path

import pytest

from deploy.local import credentials, settings
from deploy.local.settings import Unusable


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=3100\nGROQ_API_KEY=from-the-file\nNATS_URL=\nSMTP_HOST='mail'\n")

    loaded = settings.load({"PORT": "3200", "GROQ_API_KEY": ""}, file)

    assert loaded.port == 3200
    assert loaded.given == {"PORT": "3200", "SMTP_HOST": "mail"}


@pytest.mark.parametrize("wrong", ["none", "-1", "70000", "1.5"])
def test_a_wrong_number_is_named(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(Unusable, match=f"PORT={wrong} is not a number from 0 to 65535"):
        settings.load({"PORT": wrong}, tmp_path / ".env")


def test_the_original_servers_variables_name_the_users_database() -> None:
    given = {"DB_HOST": "db", "DB_USER": "ana", "DB_PASSWORD": "a/b@c", "DB_NAME": "convo"}

    assert settings.database_url(given) == "postgresql://ana:a%2Fb%40c@db:5432/convo"
    assert settings.database_url({**given, "DATABASE_URL": "postgresql://x"}) == "postgresql://x"
    assert settings.database_url({"DB_PORT": "5432"}) is None


@pytest.mark.parametrize(
    ("given", "provider"),
    [
        ({}, "local"),
        ({"GROQ_API_KEY": "k", "AI_BASE_URL": "u"}, "groq"),
        ({"AI_BASE_URL": "u"}, "openai"),
        ({"GROQ_API_KEY": "k", "AI_PROVIDER": "off"}, "off"),
    ],
)
def test_the_ai_provider_is_what_the_services_will_choose(given: dict[str, str], provider: str) -> None:
    assert settings.ai_provider(given) == provider


def test_each_process_knows_all_addresses_and_only_its_own_secrets() -> None:
    secrets = credentials.make()
    members = settings.members(2, [*range(9000, 9014)])
    given = {"DB_HOST": "db", "DB_PASSWORD": "admin", "JWT_SECRET": "mine"}
    [sales, *_] = [member for member in members if member.name == "sales-2"]

    shared = settings.shared(given, secrets, members)
    own = settings.own(sales, secrets, {"sales": "postgresql://convo_sales@db"})

    assert shared["MESSAGING_ADDR"] == "127.0.0.1:9002,127.0.0.1:9003"
    assert shared["JWT_SECRET"] == "mine"
    assert not {"DB_HOST", "DB_PASSWORD", "DATABASE_URL"} & set(shared)
    assert own == {
        "REPLICA": "sales-2",
        "SERVICE_KEY": secrets.private_keys["sales"],
        "GRPC_PORT": "9007",
        "DATABASE_URL": "postgresql://convo_sales@db",
    }
