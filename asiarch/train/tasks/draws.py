"""Draws of whole batches: distinct numbers, orders, places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asiarch.train.tasks.base import Ids, ramp


def permutations(rng: np.random.Generator, rows: int, count: int) -> Ids:
    """An order of 0..count-1 in every row, `[rows, count]`."""
    return rng.random((rows, count)).argsort(1)


def distinct(rng: np.random.Generator, rows: int, count: int, low: int, high: int) -> Ids:
    """Ordered draws without replacement from low..high-1, `[rows, count]`."""
    among = high - low
    if count * count > among:
        return permutations(rng, rows, among)[:, :count] + low
    # Few of many: rows that meet a number twice are drawn again; those that stay are uniform.
    drawn = rng.integers(low, high, (rows, count))
    while (again := repeats(drawn)).any():
        drawn[again] = rng.integers(low, high, (int(again.sum()), count))
    return drawn


def repeats(rows: Ids) -> NDArray[np.bool_]:
    """Which rows hold a number twice."""
    ordered = np.sort(rows, 1)
    return (ordered[:, 1:] == ordered[:, :-1]).any(1)


def places(rng: np.random.Generator, rows: int, count: int, among: int) -> Ids:
    """Ascending places, `count` of 0..among-1, every set equally likely, `[rows, count]`."""
    return np.sort(permutations(rng, rows, among)[:, :count], 1)


def weighted_places(
    rng: np.random.Generator, rows: int, count: int, weights: NDArray[np.float64]
) -> Ids:
    """Places drawn one after another without replacement, in proportion to their weights.

    The `count` largest of log weight + Gumbel noise, in order (Efraimidis, Spirakis, "Weighted
    random sampling with a reservoir", 2006).
    """
    keys = np.log(weights) + rng.gumbel(size=(rows, len(weights)))
    return (-keys).argsort(1)[:, :count]


def first_places(keys: Ids, among: int) -> Ids:
    """For each key of 0..among-1, the first place in its row; the row's length where it is not
    there, `[rows, among]`.
    """
    rows, count = keys.shape
    first = np.full((rows, among), count, np.int64)
    np.minimum.at(first, (ramp(rows)[:, None], keys), ramp(count))
    return first


def last_places(keys: Ids, among: int) -> Ids:
    """For each key of 0..among-1, the last place in its row; -1 where it is not there,
    `[rows, among]`.
    """
    rows, count = keys.shape
    last = np.full((rows, among), -1, np.int64)
    np.maximum.at(last, (ramp(rows)[:, None], keys), ramp(count))
    return last
