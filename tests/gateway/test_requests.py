"""Requests become messages, or refusals that name every culprit; nothing that is sent breaks the gateway."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import formats, requests, wire
from gateway.proxy import read_query
from gateway.requests import OURS
from gateway.routes import FILES, ROUTES
from protos import campaigns_pb2, identity_pb2, messaging_pb2, rules_pb2
from services.kit.errors import Invalid

ID = "0197d6f2-7c1e-7b60-9a5c-3f2f6c1d8e01"
MESSAGES = sorted({route.rpc.input_type.full_name: route.rpc.input_type for route in ROUTES}.items())
NAMES = sorted({field.json_name for _, one in MESSAGES for field in one.fields})
NASTY = st.sampled_from(
    [
        *(
            "",
            " ",
            "\0",
            "a\0b",
            "null",
            "true",
            "NaN",
            "1e999",
            "-1",
            "0",
            "٣",
            "9" * 400,
            "🙂" * 50,
            "\u202e",
        ),
        *("2026-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-23T10:00:00Z", ID),
        *(
            "24:00",
            "http://[",
            "http://x:99999/",
            "javascript:1",
            "../../etc/passwd",
            "America",
            "' or 1=1 --",
        ),
        *("a@b.co", "a" * 70_000, "%s%n", "${x}", "<script>", "\ufeff", "{}", "[]"),
    ]
)
NUMBERS = st.one_of(
    st.integers(), st.floats(allow_nan=False), st.sampled_from([0, -1, 2**31, 2**63, 10**40, 1e308, 0.1])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20), NASTY),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(max_size=5), NASTY), inner, max_size=4)
    ),
    max_leaves=10,
)
BODIES = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), JSON, max_size=8)


def read(descriptor: Any, body: Any = None, path: Any = None, query: Any = None) -> Any:
    return requests.read(descriptor, path or {}, query or {}, body)


def refused(descriptor: Any, body: Any, **more: Any) -> dict[str, str]:
    """The culprits."""
    with pytest.raises(Invalid) as refusal:
        read(descriptor, body, **more)
    return refusal.value.fields


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.sampled_from(MESSAGES), body=BODIES)
def test_any_json_is_a_message_or_a_400(asked: tuple[str, Any], body: dict[str, Any]) -> None:
    _, descriptor = asked
    try:
        sent = orjson.loads(orjson.dumps(body))
    except (orjson.JSONEncodeError, orjson.JSONDecodeError):
        return
    with suppress(Invalid):
        message = read(descriptor, sent, {"id": str(body)[:40]})
        wire.dumps(type(message).FromString(message.SerializeToString()))


@settings(max_examples=300, deadline=None)
@given(raw=st.one_of(st.binary(max_size=60), st.text(max_size=30).map(str.encode)))
def test_any_query_is_read_or_a_400(raw: bytes) -> None:
    with suppress(Invalid):
        read(messaging_pb2.ListConversationsRequest.DESCRIPTOR, None, {}, read_query(raw))


def test_a_query_has_a_hundred_parameters_at_most() -> None:
    assert read_query(b"&".join([b"a=1"] * 100)) == {"a": ["1"] * 100}
    with pytest.raises(Invalid):
        read_query(b"&".join([b"a=1"] * 101))


@pytest.mark.parametrize("depth", [300, 5000])
def test_what_is_nested_deeply_is_refused(depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]

    fields = refused(identity_pb2.SaveConfigRequest.DESCRIPTOR, {"config": {"key": nested}})

    assert fields == {"config": "is nested too deeply"}


def test_every_culprit_is_named_at_once_in_the_words_of_the_contract() -> None:
    body = {"conversationId": "x", "messageType": "hologram", "content": "a" * 65537}

    with pytest.raises(Invalid) as refusal:
        read(messaging_pb2.SendMessageRequest.DESCRIPTOR, body)

    assert refusal.value.message == "Unsupported message type"
    assert refusal.value.fields.keys() == {"conversationId", "messageType", "content"}


def test_what_is_missing_is_said_in_the_sentence_of_the_message() -> None:
    with pytest.raises(Invalid) as refusal:
        read(messaging_pb2.SignUploadRequest.DESCRIPTOR, {"fileName": " ", "contentType": None})

    assert refusal.value.message == "fileName and contentType are required"


def test_unknown_keys_are_ignored_and_null_is_absent() -> None:
    message = read(
        messaging_pb2.SendMessageRequest.DESCRIPTOR,
        {"conversationId": ID, "content": "oi", "isAdmin": True, "messageType": None},
    )

    assert (message.content, message.HasField("message_type")) == ("oi", False)


@pytest.mark.parametrize("name", sorted(OURS | {"clientAddress", "userAgent", "updateMask"}))
def test_a_client_cannot_fill_what_the_gateway_fills(name: str) -> None:
    person = {"email": "a@b.co", "password": "uma senha longa", name: "spoofed"}

    message = read(identity_pb2.LoginRequest.DESCRIPTOR, person, {}, {name: ["spoofed"]})

    assert "spoofed" not in str(message)


def test_the_path_wins_over_body_and_query_under_every_name_of_its_field() -> None:
    other = ID.replace("0", "1")
    for descriptor in {route.rpc.input_type for route in ROUTES}:
        for field in descriptor.fields:
            names = [field.json_name, *wire.rule(field).aliases]
            if wire.rule(field).format != rules_pb2.UUID or field.is_repeated or len(names) < 2:
                continue
            for used in names:
                with suppress(Invalid):  # for what else is missing
                    message = read(
                        descriptor, {**dict.fromkeys(names, other)}, {used: ID}, {names[0]: [other]}
                    )
                    assert getattr(message, field.name) == ID


def test_an_id_in_the_path_that_is_none_is_told_first_and_in_the_words_of_the_contract() -> None:
    descriptor = identity_pb2.ChangeRoleRequest.DESCRIPTOR

    with pytest.raises(Invalid, match=r"^Invalid id$") as refusal:
        read(descriptor, {"role": "boss"}, {"userId": "not-an-id"})

    assert refusal.value.fields.keys() == {"userId", "role"}


def test_numbers_are_clamped_or_refused() -> None:
    listing = messaging_pb2.ListConversationsRequest.DESCRIPTOR

    assert read(listing, query={"limit": ["1000"]}).limit == 200
    assert read(listing, query={"pageSize": ["0"]}).limit == 1
    for wrong in ("x", "1.5", "inf", "nan", "1e3", "", "9" * 5000):
        assert refused(listing, None, query={"limit": [wrong]}) == {"limit": "must be a whole number"}
    assert refused(
        messaging_pb2.SignUploadRequest.DESCRIPTOR, {"fileName": "a", "contentType": "b", "size": 0}
    )
    assert refused(listing, {"limit": True}) == {"limit": "must be a whole number"}


def test_limits_are_told_in_figures() -> None:
    asked = {"fileName": "a.pdf", "contentType": "application/pdf", "size": 52_428_801}

    found = refused(messaging_pb2.SignUploadRequest.DESCRIPTOR, asked)

    assert found == {"size": "must be between 1 and 52428800"}


@pytest.mark.parametrize(
    ("picture", "taken"),
    [
        (f"avatars/{ID}.jpg", True),
        (f"uploads/{ID}.png", True),
        ("https://empresa.com.br/ana.png", True),
        ("ana.png", False),
        (f"whatsapp-media/{ID}.jpg", False),
        ("avatars/../secret.png", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_picture_is_an_address_or_a_file_of_ours(picture: str, taken: bool) -> None:
    descriptor = identity_pb2.UpdateMyProfileRequest.DESCRIPTOR
    body = {"avatarUrl": picture}

    assert read(descriptor, body).avatar_url == picture if taken else refused(descriptor, body)


def test_lists_in_a_query_are_repeated_or_separated_by_commas() -> None:
    listing = messaging_pb2.ListConversationsRequest.DESCRIPTOR

    assert [*read(listing, query={"include": ["total,counts", "x"]}).include] == ["total", "counts", "x"]


def test_an_empty_list_that_would_mean_everyone_is_refused() -> None:
    descriptor = campaigns_pb2.CreateCampaignRequest.DESCRIPTOR
    body = {"name": "Volta", "messageTemplate": "Olá!"}

    told = refused(descriptor, body | {"targetAudience": {"contactIds": []}})

    assert told == {"targetAudience.contactIds": "takes at least 1 item"}
    harmless: list[dict[str, Any]] = [{}, {"contactIds": None}, {"tags": [], "excludeContactIds": []}]
    for whole in harmless:
        assert read(descriptor, body | {"targetAudience": whole}).HasField("target_audience")
    assert not read(descriptor, body).HasField("target_audience")


@pytest.mark.parametrize("body", [[], "text", 1, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(Invalid):
        read(messaging_pb2.SendMessageRequest.DESCRIPTOR, body)


def test_every_rule_of_the_protos_can_be_read() -> None:
    for file in FILES:
        for message in file.message_types_by_name.values():
            for field in message.fields:
                rules = wire.rule(field)
                assert not rules.pattern or formats.matches(rules.pattern, "x") in (True, False)
                assert rules.format in formats.CHECKS
