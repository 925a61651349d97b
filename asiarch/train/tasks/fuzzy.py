"""Fuzzy in-context recall: keys and values are several tokens long.

MAD (arXiv 2403.17844): the last id V - 1 is padding; a key is an ordered tuple of different ids of
0..K-1, K = (V - 1) // 2, of a size uniform in 1..motif in training, `motif` in tests; a value is
one of different ids of K..V-2, of a size uniform in 1..motif; a key keeps its value through the
row. Pairs are put one after another until the row has L - |probe| - 2 motif tokens; the probe, a
pair like the others, is put among them once and stands again at the end; rows are padded on the
left to L + 1 tokens and read without the last.

The probe is put before the first pair that begins at a place drawn from those that are always
reached (in MAD two rows in a hundred end with a probe that was never shown).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asiarch.train.tasks.base import IGNORED, Batch, Ids, ramp

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """all_targets: trains on every next token that is no padding, as in MAD."""

    vocabulary: int
    length: int
    motif: int = 3
    all_targets: bool = True

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        pairs = self._pairs(rng, rows, part)
        starts, ends = self._layout(rng, pairs)
        return self._written(pairs, starts, ends, every=part == "train" and self.all_targets)

    def _pairs(self, rng: np.random.Generator, rows: int, part: str) -> _Pairs:
        """The probe, then pairs enough to fill the row whatever their sizes."""
        shape = rows, 1 + self.length // 2
        half = (self.vocabulary - 1) // 2
        key_sizes = np.full(shape, self.motif)
        if part == "train":
            key_sizes = rng.integers(1, self.motif + 1, shape)
        value_sizes = rng.integers(1, self.motif + 1, shape)
        keys = _tuples(rng, shape, self.motif, half)
        values = _tuples(rng, shape, self.motif, self.vocabulary - 1 - half) + half
        codes = _codes(keys, key_sizes, half)
        first = _first_equal(codes)
        return _Pairs(
            codes,
            np.concatenate([keys, np.take_along_axis(values, first[:, :, None], 1)], 2),
            key_sizes,
            np.take_along_axis(value_sizes, first, 1),
        )

    def _layout(self, rng: np.random.Generator, pairs: _Pairs) -> tuple[Ids, Ids]:
        """Where each pair starts, -1 for those that are left out, and how long the row is without
        the second probe.
        """
        sizes, probe = pairs.sizes[:, 1:], pairs.sizes[:, :1]
        goal = self.length - probe - 2 * self.motif
        place = rng.integers(0, goal - 2 * self.motif + 1)
        starts = np.cumsum(sizes, 1) - sizes
        before = starts < place
        probe_start = (sizes * before).sum(1, keepdims=True)
        starts = starts + np.where(before, 0, probe)
        used = starts < goal
        ends = probe + (sizes * used).sum(1, keepdims=True)
        return np.concatenate([probe_start, np.where(used, starts, -1)], 1), ends

    def _written(self, pairs: _Pairs, starts: Ids, ends: Ids, every: bool) -> Batch:
        pairs = pairs.with_probe_again()
        starts = np.concatenate([starts, ends], 1)
        shift = self.length + 1 - (ends + pairs.sizes[:, :1])
        known = _later_equal(pairs.codes, starts)
        row = np.full((len(starts), self.length + 1), self.vocabulary - 1)
        asked = np.zeros(row.shape, np.bool_)
        at, there = pairs.token_places(starts + shift)
        there &= (starts >= 0)[:, :, None]
        which = np.nonzero(there)
        row[which[0], at[which]] = pairs.tokens[which]
        value = ramp(2 * self.motif) >= self.motif
        asked[which[0], at[which]] = (known[:, :, None] & value)[which]
        if every:
            asked = ramp(self.length + 1) >= shift
        targets = np.where(asked, row, IGNORED)
        return Batch(row[:, :-1], targets[:, 1:])


@dataclass(frozen=True, slots=True)
class _Pairs:
    """codes `[rows, pairs]`: equal keys, equal numbers. tokens `[rows, pairs, 2 motif]`: a key's,
    then a value's, each filled from the left.
    """

    codes: Ids
    tokens: Ids
    key_sizes: Ids
    value_sizes: Ids

    @property
    def sizes(self) -> Ids:
        return self.key_sizes + self.value_sizes

    def with_probe_again(self) -> _Pairs:
        parts = self.codes, self.tokens, self.key_sizes, self.value_sizes
        return _Pairs(*(np.concatenate([x, x[:, :1]], 1) for x in parts))

    def token_places(self, starts: Ids) -> tuple[Ids, Bools]:
        """The place of every token of pairs that begin at `starts`, and which tokens there are."""
        motif = self.tokens.shape[2] // 2
        along = ramp(motif)
        keys = starts[:, :, None] + along
        values = (starts + self.key_sizes)[:, :, None] + along
        there = [along < self.key_sizes[:, :, None], along < self.value_sizes[:, :, None]]
        return np.concatenate([keys, values], 2), np.concatenate(there, 2)


def _tuples(rng: np.random.Generator, shape: tuple[int, int], count: int, among: int) -> Ids:
    """Ordered draws of different numbers of 0..among-1, `[*shape, count]`."""
    drawn = np.empty((*shape, count), np.int64)
    for n in range(count):
        fresh = rng.integers(0, among - n, shape)
        # The fresh one counts the numbers that are left: past each taken one below it.
        for taken in np.moveaxis(np.sort(drawn[:, :, :n], 2), 2, 0):
            fresh = fresh + (taken <= fresh)
        drawn[:, :, n] = fresh
    return drawn


def _codes(tokens: Ids, sizes: Ids, among: int) -> Ids:
    """A number for each tuple of `sizes` tokens."""
    count = tokens.shape[2]
    digits = np.where(ramp(count) < sizes[:, :, None], tokens + 1, 0)
    return digits @ (among + 1) ** ramp(count)


def _first_equal(codes: Ids) -> Ids:
    """For each entry the place of the first equal one in its row."""
    count = codes.shape[1]
    order = codes.argsort(1, kind="stable")
    ordered = np.take_along_axis(codes, order, 1)
    fresh = np.ones(codes.shape, np.bool_)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    leader = np.maximum.accumulate(np.where(fresh, ramp(count), 0), 1)
    first = np.empty_like(codes)
    np.put_along_axis(first, order, np.take_along_axis(order, leader, 1), 1)
    return first


def _later_equal(codes: Ids, starts: Ids) -> Bools:
    """Which entries have an equal one that starts before them; those left out start at -1."""
    order = starts.argsort(1, kind="stable")
    # An entry that is left out equals none.
    unlike = -1 - ramp(codes.shape[1])
    ordered = np.take_along_axis(np.where(starts < 0, unlike, codes), order, 1)
    later = np.empty(codes.shape, np.bool_)
    np.put_along_axis(later, order, _first_equal(ordered) < ramp(codes.shape[1]), 1)
    return later
