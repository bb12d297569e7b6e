"""The model that reads."""

import subprocess
import sys

import pytest

# As in a fork of the zygote: the environment of the import is gone when the first sentence comes.
FIRST_SENTENCE = """
import os
from pathlib import Path
from services.{service} import embeddings

def threads():
    return len([*Path("/proc/self/task").iterdir()])

os.environ.clear()
before = threads()
embeddings.{sentence}
print(threads() - before)
"""


@pytest.mark.parametrize(
    ("service", "sentence"), [("knowledge", "question_vector('Oi')"), ("intelligence", "vectors(['Oi'])")]
)
def test_the_model_gets_no_threads_of_its_own_whatever_the_environment(service: str, sentence: str) -> None:
    program = FIRST_SENTENCE.format(service=service, sentence=sentence)

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "0"
