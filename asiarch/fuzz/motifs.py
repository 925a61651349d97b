"""Pieces that an edit may splice in: short spellings of what the literature uses around a value."""

from __future__ import annotations

import random

FORMS = (
    "conv[4]({0})",
    "({0} * silu({0}))",
    "({0} + 0.5 * {0}[t-1])",
    "({0} + 0.5 * ({0}[t-1] - {0}))",
    "cummean[time]({0})",
    "({0} * exp(-softplus({0})))",
    "({0} / (1 + abs({0})))",
    "ema({0}, 0.9)",
    "min({0}, 3)",
    "({0} * sigmoid({0}[t-1]))",
)


def motif(rng: random.Random, value: str) -> str:
    """One of them, around the value."""
    return rng.choice(FORMS).format(value)
