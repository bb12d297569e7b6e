"""What is deployed, rendered as `make manifests` and `make up` do it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import containers

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def rendered() -> None:
    containers.main()


@pytest.fixture(scope="session", params=["development", "production"])
def resources(request: pytest.FixtureRequest, rendered: None) -> list[dict[str, Any]]:
    overlay = ROOT / "deploy" / "kubernetes" / "overlays" / request.param
    built = subprocess.run(
        [PROGRAMS / "kubectl", "kustomize", overlay], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return [*yaml.safe_load_all(built.stdout)]
