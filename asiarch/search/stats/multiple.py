"""Several claims at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.special import Array


def holm(p: ArrayLike, claims: ArrayLike | None = None) -> Array:
    """Adjusted p values [..., m] (Holm 1979): a claim stands where its own is at most alpha, and
    the chance of any false claim is then at most alpha, however the tests depend on each other.
    claims: how many of each row are claims [...], where rows are filled up with ones.
    """
    x: Array = np.asarray(p, dtype=float)
    order = np.argsort(x, axis=-1, kind="stable")
    m = x.shape[-1]
    least_first: Array = np.take_along_axis(x, order, -1)
    family: Array = np.asarray(m if claims is None else claims, dtype=float)[..., None]
    steps: Array = least_first * np.maximum(family - np.arange(m, dtype=np.float64), 1)
    adjusted = np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0)
    out = np.empty_like(x)
    np.put_along_axis(out, order, adjusted, -1)
    return out


def benjamini_hochberg(p: ArrayLike) -> Array:
    """Adjusted p values [..., m] (Benjamini and Hochberg 1995): the expected share of false ones
    among what is listed at q is at most q, for tests that are independent or depend positively.
    """
    x: Array = np.asarray(p, dtype=float)
    order = np.argsort(x, axis=-1, kind="stable")
    m = x.shape[-1]
    least_first: Array = np.take_along_axis(x, order, -1)
    steps: Array = least_first * m / (1 + np.arange(m, dtype=np.float64))
    adjusted = np.minimum(np.minimum.accumulate(steps[..., ::-1], axis=-1)[..., ::-1], 1.0)
    out = np.empty_like(x)
    np.put_along_axis(out, order, adjusted, -1)
    return out
