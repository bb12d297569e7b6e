"""Whether the best entry answers the question: its likeness, against that of everyday questions of any trade.

The model alone cannot tell: its similarities crowd together, so that the nearest entry is always near.
What tells is whether the entry is nearer than questions that no company answers.
`python -m services.knowledge.gate` fits it again to `data/calibration.json` and `data/background.txt`.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from services.knowledge import embeddings
from services.knowledge.embeddings import Vector

DATA = Path(__file__).parent / "data"
STORED = DATA / "gate.npz"
ACCEPTED = 0.6


@dataclass(frozen=True)
class Gate:
    """Means to subtract, the background's vectors, and a logistic regression over three features."""

    question_mean: Vector
    entry_mean: Vector
    background: Vector
    feature_mean: Vector
    feature_scale: Vector
    weights: Vector


@cache
def gate() -> Gate:
    with np.load(STORED) as stored:
        return Gate(**{name: stored[name].astype(np.float32) for name in stored.files})


def confidence(question: Vector, entries: Vector, best: int) -> float:
    """How probable it is that the entry in row `best` answers."""
    return float(_probability(gate(), features(gate(), question, entries, best)))


def features(fitted: Gate, question: Vector, entries: Vector, best: int) -> Vector:
    """Likeness of the entry, its lead over the background, and its lead over the next entry."""
    asked = centred(question, fitted.question_mean)
    likeness = centred(entries, fitted.entry_mean) @ asked
    lead = likeness[best] - (fitted.background @ asked).max()
    others = np.delete(likeness, best)
    gap = likeness[best] - others.max() if others.size else lead
    return np.array([likeness[best], lead, gap], np.float32)


def centred(vectors: Vector, mean: Vector) -> Vector:
    moved = vectors - mean
    unit: Vector = moved / np.linalg.norm(moved, axis=-1, keepdims=True)
    return unit


def _probability(fitted: Gate, values: Vector) -> Any:
    scaled = (values - fitted.feature_mean) / fitted.feature_scale
    return 1 / (1 + np.exp(-(scaled @ fitted.weights[:-1] + fitted.weights[-1])))


def fit() -> Gate:
    texts = (DATA / "background.txt").read_text().splitlines()
    questions = np.array([embeddings.question_vector(text) for text in texts])
    entries = (questions + 2 * embeddings.passage_vectors(texts)) / 3
    means = questions.mean(0), entries.mean(0)
    blank = np.zeros(3, np.float32)
    unfitted = Gate(*means, centred(entries, means[1]), blank, blank + 1, np.zeros(4, np.float32))
    rows, answers = zip(*_examples(unfitted), strict=True)
    values, right = np.array(rows), np.array(answers, np.float32)
    mean, scale = values.mean(0), values.std(0)
    weights = _regression((values - mean) / scale, right)
    return Gate(*means, unfitted.background, mean, scale, weights)


def _examples(unfitted: Gate) -> list[tuple[Vector, bool]]:
    """For each question of the calibration set: the features of its nearest entry, and whether it answers."""
    examples = []
    for base in json.loads((DATA / "calibration.json").read_text()):
        entries = np.array(
            embeddings.entry_vectors([(question, answer) for question, answer in base["entries"]])
        )
        asked = [*base["asks"], *([text, None] for text in base["outside"])]
        for text, answer in asked:
            question = embeddings.question_vector(text)
            best = int(np.argmax(entries @ question))
            examples.append((features(unfitted, question, entries, best), best == answer))
    return examples


def _regression(values: Vector, right: Vector) -> Vector:
    """Logistic regression by gradient descent, the last weight being the constant."""
    rows = np.c_[values, np.ones(len(values))]
    weights = np.zeros(rows.shape[1])
    for _ in range(3000):
        wrong = 1 / (1 + np.exp(-(rows @ weights))) - right
        weights -= 0.3 * (rows.T @ wrong + np.r_[weights[:-1], 0]) / len(right)
    return weights.astype(np.float32)


def store(fitted: Gate) -> None:
    halved = {"background": fitted.background.astype(np.float16)}  # half the size, the same verdicts
    np.savez_compressed(STORED, **(vars(fitted) | halved))


if __name__ == "__main__":
    store(fit())
