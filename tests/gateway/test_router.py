"""Routes are found by the path as it was sent."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.router import BadPath, Router
from gateway.routes import ANYONE, ROUTES, delete, get, messaging, post

RPC = messaging.GetFile
TABLE = Router(
    [
        get("/api/users", RPC, ANYONE),
        get("/api/users/me", RPC, ANYONE),
        get("/api/users/{id}", RPC, ANYONE),
        post("/api/users/{id}/x", RPC, ANYONE),
        get("/api/storage/download", RPC, ANYONE),
        get("/api/storage/download/{key:path}", RPC, ANYONE),
        delete("/api/storage/{key:path}", RPC, ANYONE),
    ]
)


@pytest.mark.parametrize(
    ("path", "route", "values"),
    [
        ("/api/users", "/api/users", ()),
        ("/api/users/", "/api/users", ()),
        ("/api/users/me", "/api/users/me", ()),
        ("/api/users/%6de", "/api/users/me", ()),
        ("/api/users/7", "/api/users/{id}", ("7",)),
        ("/api/users/a%20b%2Fc%3F", "/api/users/{id}", ("a b/c?",)),
        ("/api/users/%25", "/api/users/{id}", ("%",)),
        ("/api/users/me/x", "/api/users/{id}/x", ("me",)),
        ("/api/users/{}", "/api/users/{id}", ("{}",)),
        ("/api/storage/download", "/api/storage/download", ()),
        ("/api/storage/download/a/b.png", "/api/storage/download/{key:path}", ("a/b.png",)),
        ("/api/storage/download/a%2Fb.png", "/api/storage/download/{key:path}", ("a/b.png",)),
        ("/api/storage/download//a", "/api/storage/download/{key:path}", ("/a",)),
        ("/api/storage/uploads/a.png", "/api/storage/{key:path}", ("uploads/a.png",)),
    ],
)
def test_a_path_leads_to_its_route(path: str, route: str, values: tuple[str, ...]) -> None:
    found = TABLE.find(path)

    assert found is not None
    assert {known.path for known, _ in found.routes.values()} == {route}
    assert found.values == values


@pytest.mark.parametrize(
    "path", ["", "/", "/api", "/api//users", "/api/users//x", "/api/users/7/y", "/x", "//"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert TABLE.find(path) is None


@pytest.mark.parametrize("path", ["/%", "/%zz", "/a%2", "/%ff", "/%c3%28", "/%00", "/api/users/%e2%82"])
def test_a_path_that_is_not_well_formed_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        TABLE.find(path)


def test_every_route_of_the_table_is_found_by_its_own_path() -> None:
    router = Router(ROUTES)
    for route in ROUTES:
        found = router.find(route.path.replace("{", "x").replace(":path}", "/y").replace("}", ""))
        assert found is not None
        assert found.routes[route.method][0] is route


def test_the_methods_of_a_path_include_head_and_options() -> None:
    found = TABLE.find("/api/users")

    assert found is not None
    assert found.methods == ["GET", "HEAD", "OPTIONS"]


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_any_path_is_found_not_found_or_refused(path: str) -> None:
    with suppress(BadPath):
        TABLE.find(f"/{path}")
