"""Who calls whom, read from the code: what the gateway connects to, and the stubs in each peers.py."""

import ast
from pathlib import Path

from deploy.local.credentials import SERVICES
from gateway import app

SOURCE = Path(__file__).parents[2] / "services"


def of_the_code() -> set[tuple[str, str]]:
    """Everybody also asks identity for its public keys: `_fetch_keys` in services/kit/service.py."""
    calls = {("gateway", service) for service in app.SERVICES}
    calls |= {(service, "identity") for service in SERVICES if service != "identity"}
    for service in SERVICES:
        calls |= {(service, peer) for peer in _peers(SOURCE / service / "peers.py")}
    return calls


def _peers(file: Path) -> set[str]:
    if not file.exists():
        return set()
    modules = {
        node.module or ""
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    return {
        module.removeprefix("protos.").removesuffix("_pb2_grpc")
        for module in modules
        if module.endswith("_pb2_grpc")
    }
