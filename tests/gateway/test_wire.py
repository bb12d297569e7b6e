"""Messages become the frontend's JSON: camelCase, null for absent, lists never null."""

import json

from google.protobuf.message_factory import GetMessageClass

from gateway import wire
from gateway.routes import ROUTES
from protos import identity_pb2, messaging_pb2


def test_absent_is_null_and_lists_are_lists() -> None:
    shown = wire.dump(messaging_pb2.ListConversationsResponse())

    assert shown["conversations"] == []
    assert (shown["pagination"], shown["totalCount"]) == (None, None)


def test_zero_and_empty_are_shown_as_they_are() -> None:
    shown = wire.dump(messaging_pb2.Conversation(id="x", category="", assigned_to=""))

    assert (shown["unreadCount"], shown["isGroup"], shown["category"], shown["assignedTo"]) == (
        0,
        False,
        "",
        "",
    )
    assert shown["subcategory"] is None


def test_json_fields_are_json_and_not_text() -> None:
    answer = json.loads(wire.dumps(identity_pb2.GetConfigResponse(config='{"a":[1,null,"é"]}')))

    assert answer == {"config": {"a": [1, None, "é"]}}
    assert json.loads(wire.dumps(identity_pb2.GetConfigResponse())) == {"config": None}


def test_maps_are_objects() -> None:
    reply = messaging_pb2.SignUploadResponse(headers={"Content-Type": "image/png"})

    assert wire.dump(reply)["headers"] == {"Content-Type": "image/png"}


def test_the_status_of_a_reply_is_not_part_of_it() -> None:
    assert "httpStatus" not in wire.dump(messaging_pb2.DownloadResponse(http_status=302))


def test_every_answer_can_be_shown_empty() -> None:
    for route in (one for one in ROUTES if not one.rpc.server_streaming):
        shown = json.loads(wire.dumps(GetMessageClass(route.rpc.output_type)()))

        assert all("_" not in name for name in shown)
