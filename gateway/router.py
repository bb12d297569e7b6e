"""The route table as one dictionary of path segments: finding a route costs its length, not the table's."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from gateway.routes import Route


class Found(NamedTuple):
    """What lies at a path: the routes by method, and the values of its variable segments."""

    routes: dict[str, Any]
    values: tuple[str, ...]


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in _segments(route.path):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            node.setdefault("", {})[route.method] = (route, _variables(route.path))

    def find(self, path: str) -> Found | None:
        """Literal segments win over variable ones."""
        return _find(self._root, _segments(path), ())


def _find(node: dict[str, Any], segments: list[str], values: tuple[str, ...]) -> Found | None:
    if not segments:
        return Found(node[""], values) if "" in node else None
    head, *rest = segments
    if head in node and head != "{}" and (found := _find(node[head], rest, values)):
        return found
    if "{}" in node and head:
        return _find(node["{}"], rest, (*values, unquote(head)))
    return None


def _segments(path: str) -> list[str]:
    return path.split("/")[1:]


def _variables(path: str) -> tuple[str, ...]:
    return tuple(segment[1:-1] for segment in _segments(path) if segment.startswith("{"))
