"""A folder that PostgreSQL's user can enter."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Pytest's own are closed to other users, and PostgreSQL runs as one when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="convo-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)
