"""Training a linear classifier in pure Python: the same weights on every machine, and nothing heavy to install.

One-against-rest support vector machines by dual coordinate descent (Hsieh et al., ICML 2008), squared hinge loss.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from services.routing.cause_model import vector

EPOCHS = 30
CLOSE = 0.01  # a pass in which no gradient is larger ends the training


@dataclass(frozen=True)
class Linear:
    """`weights[c][f]` of class c, with its bias; `idf` says which features were kept."""

    classes: list[str]
    idf: dict[str, float]
    weights: list[dict[str, float]]
    bias: list[float]

    def scores(self, counts: Mapping[str, int]) -> list[float]:
        """One score per class."""
        found = vector(counts, self.idf)
        return [
            b + sum(v * w.get(f, 0.0) for f, v in found.items()) for w, b in zip(self.weights, self.bias, strict=True)
        ]


def train(texts: Sequence[Mapping[str, int]], labels: Sequence[str], *, cost: float = 1.0, least: int = 2) -> Linear:
    """Fit to feature counts; features in fewer than `least` texts are dropped; classes weigh the same together."""
    documents = Counter(f for counts in texts for f in counts)
    n = len(texts)
    idf = {f: round(log((1 + n) / (1 + df)) + 1, 3) for f, df in sorted(documents.items()) if df >= least}
    rows = [vector(counts, idf) for counts in texts]
    classes = sorted(set(labels))
    share = Counter(labels)
    fitted = [
        _fit(rows, [1 if label == c else -1 for label in labels], cost, n / (len(classes) * share[c])) for c in classes
    ]
    return Linear(classes, idf, [w for w, _ in fitted], [b for _, b in fitted])


def _fit(
    rows: Sequence[Mapping[str, float]], signs: Sequence[int], cost: float, positive: float
) -> tuple[dict[str, float], float]:
    weights: dict[str, float] = {}
    bias = 0.0
    alpha = [0.0] * len(rows)
    damping = [1 / (2 * cost * (positive if s > 0 else 1.0)) for s in signs]
    square = [sum(v * v for v in row.values()) + 1.0 for row in rows]
    order = list(range(len(rows)))
    shuffle = random.Random(1).shuffle
    for _ in range(EPOCHS):
        shuffle(order)
        worst = 0.0
        for i in order:
            row, sign = rows[i], signs[i]
            score = bias + sum(v * weights.get(f, 0.0) for f, v in row.items())
            gradient = sign * score - 1 + damping[i] * alpha[i]
            if alpha[i] == 0.0 and gradient >= 0:
                continue
            worst = max(worst, abs(gradient))
            before = alpha[i]
            alpha[i] = max(0.0, before - gradient / (square[i] + damping[i]))
            step = (alpha[i] - before) * sign
            if step:
                bias += step
                for f, v in row.items():
                    weights[f] = weights.get(f, 0.0) + step * v
        if worst < CLOSE:
            break
    return weights, bias
