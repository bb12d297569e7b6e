"""The watch over the logs: what is planted is found, in the records of this process and in files."""

import json
from pathlib import Path

import pytest

from services.kit.log import log
from services.kit.tables import new_id
from tests import canaries

TEXT = f"recado só para você: {new_id()}"
TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"
PLANTED = {
    "a message": TEXT,
    "a phone number": "5511987654321",
    "a token": TOKEN,
    "an address on WhatsApp": "5511987654321@s.whatsapp.net",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_in_a_record_is_found(planted: str) -> None:
    log.info("planted", said=planted)
    log.info("fine", conversation_id=new_id())

    found = canaries.leaks(canaries.logged, [TEXT])

    canaries.logged.clear()
    assert len(found) == 1


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_in_a_file_is_found(tmp_path: Path, planted: str) -> None:
    (tmp_path / "fine").mkdir()
    (tmp_path / "messaging.log").write_text(f"fine\n{json.dumps({'event': 'planted', 'said': planted})}\n")
    (tmp_path / "fine" / "gateway.log").write_text(json.dumps({"event": "fine", "id": new_id()}))

    assert canaries.leaked(tmp_path, [TEXT])
    assert not canaries.leaked(tmp_path / "fine", [TEXT])


def test_what_is_private_is_known_by_its_name_however_deep() -> None:
    body = {
        "message": {"content": TEXT},
        "name": "Maria Cliente",
        "rows": json.dumps([{"phone": "11 98765-4321"}]),
    }

    assert [*canaries.private(body)] == [TEXT, "11 98765-4321"]
