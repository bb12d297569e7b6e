"""The route table as one dictionary of path segments: finding a route costs its length, not the table's."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from gateway.routes import Route
from services.kit.errors import Invalid

BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
ONE, REST = "{}", "{:path}"


class BadPath(Invalid):
    """The path is not well formed."""


class Found(NamedTuple):
    """What lies at a path: the routes by method, and the values of its variable segments."""

    routes: dict[str, Any]
    values: tuple[str, ...]

    @property
    def methods(self) -> list[str]:
        more = {"OPTIONS"} | ({"HEAD"} if "GET" in self.routes else set())
        return sorted({*self.routes} | more)


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in route.path.split("/")[1:]:
                node = node.setdefault(_kind(segment), {})
            node.setdefault("", {})[route.method] = (route, _variables(route.path))

    def find(self, raw_path: str) -> Found | None:
        """By the path as it was sent, so that an escaped slash does not part segments.

        Literal segments win over variable ones; a slash at the end does not matter.
        """
        segments = [decoded(segment) for segment in raw_path.removesuffix("/").split("/")[1:]]
        return _find(self._root, segments, ())


def decoded(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise BadPath from None
    if BAD_ESCAPE.search(segment) or "\0" in text:
        raise BadPath
    return text


def _find(node: dict[str, Any], segments: list[str], values: tuple[str, ...]) -> Found | None:
    if not segments:
        return Found(node[""], values) if "" in node else None
    head, *rest = segments
    if head and head in node and head not in (ONE, REST) and (found := _find(node[head], rest, values)):
        return found
    if ONE in node and head and (found := _find(node[ONE], rest, (*values, head))):
        return found
    return Found(node[REST][""], (*values, "/".join(segments))) if REST in node else None


def _kind(segment: str) -> str:
    if not segment.startswith("{"):
        return segment
    return REST if segment.endswith(REST[1:]) else ONE


def _variables(path: str) -> tuple[str, ...]:
    """The names of a path's variable segments; `{key:path}` is all that is left of it."""
    return tuple(
        segment[1:-1].removesuffix(":path") for segment in path.split("/") if segment.startswith("{")
    )
