"""The refusals that the public RPCs' code can raise: found in it, written down for the API's description.

Every refusal that is named, other than to catch it, in the RPC's function, in the functions that it reaches,
and in what its calls to other services reach there. What is caught on its way is named too: a client may
know a code that never comes, but meets none that it does not know.
"""

import ast
import importlib
import json
from collections.abc import Iterator
from inspect import getsource, unwrap
from pathlib import Path
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import Any

from gateway.routes import FILES, ROUTES
from services.kit.errors import CATEGORIES, Refusal

WRITTEN = Path(__file__).parents[1] / "gateway" / "refusals.json"
ANYWHERE = {category.code for category in (*CATEGORIES, Refusal)}

Rpcs = dict[tuple[str, str], FunctionType]


def found() -> str:
    """By RPC and code, the status and the sentence; a line for each RPC."""
    rpcs = _rpcs()
    public = {(route.rpc.containing_service.name, route.rpc.name) for route in ROUTES}
    lines = [
        f'  "{service}.{name}": {json.dumps(told, ensure_ascii=False)}'
        for service, name in sorted(public)
        if (told := _of(service, rpcs[service, name], rpcs))
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _rpcs() -> Rpcs:
    """The function that answers each RPC, by service and name."""
    found: Rpcs = {}
    for file in FILES:
        [service] = file.services_by_name.values()
        door = getattr(importlib.import_module(f"services.{service.name.lower()}.rpc"), service.name)
        for rpc in service.methods:
            found[service.name, rpc.name] = getattr(door, rpc.name).fn
    return found


def _of(service: str, function: FunctionType, rpcs: Rpcs) -> dict[str, dict[str, Any]]:
    seen: set[Any] = set()
    _reach(service, function, rpcs, seen)
    classes = [one for one in seen if isinstance(one, type) and issubclass(one, Refusal)]
    own = f"services.{service.lower()}."
    classes.sort(key=lambda one: (one.__module__.startswith(own), one.__module__, one.__name__))
    refusals = {one.code: one for one in classes}
    return {
        code: {"status": refusals[code].http, "error": (refusals[code].__doc__ or "").strip()}
        for code in sorted(refusals.keys() - ANYWHERE)
    }


def _reach(service: str, function: FunctionType, rpcs: Rpcs, seen: set[Any]) -> None:
    if function in seen:
        return
    seen.add(function)
    for path in _named(function):
        thing = _resolved(path, function)
        if isinstance(thing, type) and issubclass(thing, Refusal):
            seen.add(thing)
        elif isinstance(thing, FunctionType) and thing.__module__.startswith("services."):
            _reach(service, thing, rpcs, seen)
        for other, name in rpcs:
            if other != service and name in path[1:]:
                _reach(other, rpcs[other, name], rpcs, seen)


def _resolved(path: list[str], function: FunctionType) -> Any:
    thing = function.__globals__.get(path[0])
    for name in path[1:]:
        if not isinstance(thing, ModuleType | type):
            break
        thing = getattr(thing, name, None)
    return unwrap(thing) if callable(thing) else thing


def _named(function: FunctionType) -> Iterator[list[str]]:
    """What its code names, each with its attributes: `leads.LeadExists`.

    Not what an `except` or an annotation names, nor what is its own.
    """
    tree = ast.parse(dedent(getsource(function)))
    aside = {inner for node in ast.walk(tree) for part in _aside(node) for inner in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and node not in aside:
            path = ast.unparse(node).split(".")
            yield ["", *path[1:]] if path[0] in function.__code__.co_varnames else path


def _aside(node: ast.AST) -> Iterator[ast.expr]:
    parts = (getattr(node, name, None) for name in ("annotation", "returns"))
    yield from (part for part in parts if part)
    if isinstance(node, ast.ExceptHandler) and node.type:
        yield node.type
