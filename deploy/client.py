"""`make client`: the API's refusals from the code, the TypeScript client's types from the API's document.

With `check`: are they today's?
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import refusals
from gateway import openapi

FOLDER = Path(__file__).parents[1] / "gateway" / "client"
TYPES = FOLDER / "src" / "schema.ts"
GENERATOR = FOLDER / "node_modules" / ".bin" / "openapi-typescript"
OPTIONS = ("--root-types", "--root-types-no-schema-prefix", "--alphabetize")


def first_line() -> str:
    """By it the check knows, without Node, which document the types were made from."""
    digest = hashlib.sha256(openapi.document()).hexdigest()[:16]
    return f"// Made by `make client` from the document {digest}.\n"


def generated() -> str:
    with tempfile.TemporaryDirectory() as folder:
        document, types = Path(folder) / "openapi.json", Path(folder) / "schema.ts"
        document.write_bytes(openapi.document())
        subprocess.run([GENERATOR, document, "-o", types, *OPTIONS], check=True, capture_output=True)
        return first_line() + types.read_text()


def main(arguments: list[str]) -> None:
    if arguments == ["check"]:
        known = refusals.WRITTEN.read_text() == refusals.found()
        if not known or not TYPES.read_text().startswith(first_line()):
            sys.exit(
                "The API has changed; its description or its TypeScript client has not. Run: make client"
            )
        return
    refusals.WRITTEN.write_text(refusals.found())
    TYPES.write_text(generated())


if __name__ == "__main__":
    main(sys.argv[1:])
