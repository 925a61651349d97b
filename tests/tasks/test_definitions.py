"""Each task against its definition, row by row, for any seed and size; and faults that it sees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asiarch.train.tasks import IGNORED, TASKS, Batch
from asiarch.train.tasks.base import Source, generator
from asiarch.train.tasks.compression import Compression
from asiarch.train.tasks.copying import Copying
from asiarch.train.tasks.draws import distinct, first_places, last_places, places, weighted_places
from asiarch.train.tasks.fuzzy import Fuzzy
from asiarch.train.tasks.memorisation import Memorisation
from asiarch.train.tasks.mqar import DenseMqar, Mqar
from asiarch.train.tasks.recall import Recall
from asiarch.train.tasks.update import Update
from asiarch.train.tasks.words import Words, held_out, prefixes, products, transpositions

ROWS = 12
SEEDS = st.integers(0, 2**32)
PARTS = st.sampled_from(["train", "test"])
few = settings(max_examples=25, deadline=None)


def drawn(source: Source, seed: int, part: str = "train", rows: int = ROWS) -> Batch:
    batch = source.draw(generator("test", seed), rows, part)
    assert batch.ids.shape == batch.targets.shape
    assert len(batch.ids) == rows
    assert batch.ids.dtype == batch.targets.dtype == np.int64
    for ids in (batch.ids, batch.targets[batch.asked]):
        assert ids.min() >= 0
        assert ids.max() < source.vocabulary
    return batch


def asked(ids: list[int], targets: list[int]) -> list[tuple[int, int, int]]:
    """Place, id and target of what is asked of a row."""
    return [(n, i, t) for n, (i, t) in enumerate(zip(ids, targets, strict=True)) if t != IGNORED]


def rows_of(batch: Batch) -> list[tuple[list[int], list[int]]]:
    return list(zip(batch.ids.tolist(), batch.targets.tolist(), strict=True))


def check_pairs(keys: list[int], values: list[int], vocabulary: int) -> None:
    assert len(set(keys)) == len(keys)
    assert all(1 <= k < vocabulary // 2 for k in keys)
    assert len(set(values)) == len(values)
    assert all(vocabulary // 2 <= v < vocabulary for v in values)


def check_mqar(batch: Batch, source: Mqar, pairs: int) -> None:
    for ids, targets in rows_of(batch):
        keys, values = ids[: 2 * pairs : 2], ids[1 : 2 * pairs : 2]
        check_pairs(keys, values, source.vocabulary)
        told = asked(ids, targets)
        assert all(n >= 2 * pairs and n % 2 == 0 for n, _, _ in told)
        assert sorted((k, v) for _, k, v in told) == sorted(zip(keys, values, strict=True))
        assert sum(i in keys for i in ids[2 * pairs :]) == pairs


@few
@given(SEEDS, st.integers(1, 6), st.integers(0, 5))
def test_mqar(seed: int, pairs: int, slack: int) -> None:
    source = Mqar(64, (((4 * pairs + 2 * slack, pairs), 1.0),), (("test", (4 * pairs, pairs)),))
    check_mqar(drawn(source, seed), source, pairs)


def test_mqar_queries_come_soon_after_the_pairs() -> None:
    """Slot g is drawn first with probability proportional to 1 / (g + 1)^0.99."""
    rng, weights = generator("places"), np.arange(1, 9) ** -0.99
    first = weighted_places(rng, 20_000, 3, weights)[:, 0]
    share = np.bincount(first, minlength=8) / len(first)
    assert np.abs(share - weights / weights.sum()).max() < 4 * math.sqrt(0.25 / len(first))


def test_mqar_trains_on_its_mixture_in_any_order() -> None:
    shapes = [TASKS["mqar"].training(0, step, 2).ids.shape[1] for step in range(60)]
    assert set(shapes) == {64, 128, 256}
    assert shapes != sorted(shapes)
    assert 0.35 < shapes.count(64) / len(shapes) < 0.75


@few
@given(SEEDS, st.integers(2, 10))
def test_dense_mqar(seed: int, pairs: int) -> None:
    for ids, targets in rows_of(drawn(DenseMqar(32, pairs), seed)):
        assert len(ids) == 3 * pairs
        memory = dict(zip(ids[: 2 * pairs : 2], ids[1 : 2 * pairs : 2], strict=True))
        check_pairs(list(memory), list(memory.values()), 32)
        told = asked(ids, targets)
        assert [n for n, _, _ in told] == list(range(2 * pairs, 3 * pairs))
        assert all(memory[k] == v for _, k, v in told)
        assert len({k for _, k, _ in told}) == pairs


@few
@given(SEEDS, st.integers(2, 6), st.integers(1, 3))
def test_update(seed: int, keys: int, writes: int) -> None:
    count = 2 * keys * writes
    for ids, targets in rows_of(drawn(Update(64, keys, writes), seed)):
        memory, values = {}, ids[1:count:2]
        for key, value in zip(ids[:count:2], values, strict=True):
            memory[key] = value
        assert len(memory) == keys
        assert len(set(values)) == keys * writes
        assert all(ids[:count:2].count(key) == writes for key in memory)
        told = asked(ids, targets)
        assert [n for n, _, _ in told] == list(range(count, count + keys))
        assert {k: v for _, k, v in told} == memory


def check_recall(batch: Batch, source: Recall, every: bool) -> None:
    half = (source.vocabulary - source.noise_ids) // 2
    for ids, targets in rows_of(batch):
        # The last token is read nowhere and told at the last place.
        row, memory, known = [*ids, targets[-1]], {}, {}
        for n in range(0, source.length, 2):
            key, value = row[n], row[n + 1]
            if key >= 2 * half:
                assert value >= 2 * half
                continue
            assert key < half <= value < 2 * half
            if key in memory:
                known[n] = value
            assert memory.setdefault(key, value) == value
        assert source.length - 2 in known
        told = {n: t for n, _, t in asked(ids, targets)}
        assert told == (dict(enumerate(row[1:])) if every else known)


@few
@given(SEEDS, PARTS, st.booleans(), st.sampled_from([0.0, 0.3, 0.9]))
def test_recall(seed: int, part: str, every: bool, noise: float) -> None:
    source = Recall(24, 22, 8, noise, all_targets=every) if noise else Recall(16, 22, 0, 0.0, every)
    check_recall(drawn(source, seed, part), source, every and part == "train")


def test_recall_repeats_a_shown_key_chosen_uniformly() -> None:
    """Not in proportion to how often it was shown."""
    batch = drawn(Recall(4, 8), 0, rows=20_000)
    keys = batch.ids[:, 0:6:2]
    mixed = (keys.sum(1) == 1) & (keys.max(1) == 1)  # two of key 0, one of key 1
    assert abs(batch.ids[mixed, 6].mean() - 0.5) < 0.03


def test_noise_takes_its_share() -> None:
    batch = drawn(Recall(32, 64, 16, 0.4), 0, rows=2000)
    assert abs((batch.ids[:, 0:62:2] >= 16).mean() - 0.4 * 30 / 31) < 0.01


def parsed(row: list[int], source: Fuzzy) -> list[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """Keys, the place of their values, values, of a row without padding before it."""
    half = (source.vocabulary - 1) // 2
    groups = [(low, [n for n, _ in g]) for low, g in
              itertools.groupby(enumerate(row), lambda item: item[1] < half)]  # fmt: skip
    assert [low for low, _ in groups] == [True, False] * (len(groups) // 2)
    return [
        (tuple(row[n] for n in k), v[0], tuple(row[n] for n in v))
        for (_, k), (_, v) in zip(groups[::2], groups[1::2], strict=True)
    ]


def check_fuzzy(batch: Batch, source: Fuzzy, part: str, every: bool) -> None:
    pad = source.vocabulary - 1
    for ids, targets in rows_of(batch):
        row = [*ids, targets[-1]]
        start = next(n for n, i in enumerate(row) if i != pad)
        pairs, memory, known = parsed(row[start:], source), {}, set[int]()
        for key, place, value in pairs:
            assert len(set(key)) == len(key) <= source.motif
            assert len(set(value)) == len(value) <= source.motif
            assert part == "train" or len(key) == source.motif
            if key in memory:
                known |= {start + place + n for n in range(len(value))}
            assert memory.setdefault(key, value) == value
        assert pairs[-1][0] in [key for key, _, _ in pairs[:-1]]
        goal = source.length - len(pairs[-1][0] + pairs[-1][2]) - 2 * source.motif
        body = len(row) - start - len(pairs[-1][0] + pairs[-1][2])
        assert goal <= body < goal + 2 * source.motif
        told = {n + 1: t for n, _, t in asked(ids, targets)}
        places = range(start, len(row)) if every else known
        assert told == {n: row[n] for n in places if n > 0}


@few
@given(SEEDS, PARTS, st.booleans(), st.sampled_from([1, 2, 3]), st.sampled_from([15, 16, 23]))
def test_fuzzy(seed: int, part: str, every: bool, motif: int, vocabulary: int) -> None:
    source = Fuzzy(vocabulary, 40, motif, all_targets=every)
    check_fuzzy(drawn(source, seed, part), source, part, every and part == "train")


@few
@given(SEEDS, st.integers(1, 6), st.integers(0, 5))
def test_copying(seed: int, count: int, slack: int) -> None:
    source = Copying(16, 2 * count + 1 + slack, count)
    for ids, targets in rows_of(drawn(source, seed)):
        tokens, room = [i for i in ids if i < 14], count + slack
        assert len(tokens) == count
        assert ids[room] == 15
        assert ids[room + 1 :] == [14] * count
        assert targets == [IGNORED] * (room + 1) + tokens


def test_copying_leaves_blanks_after_the_last_token_too() -> None:
    ids = drawn(Copying(16, 12, 4), 0, rows=4000).ids[:, :7]
    assert np.abs((ids < 14).mean(0) - 4 / 7).max() < 0.03


@few
@given(SEEDS, st.integers(2, 12))
def test_compression(seed: int, length: int) -> None:
    for ids, targets in rows_of(drawn(Compression(16, length), seed)):
        assert ids[-1] == 15
        assert max(ids[:-1]) < 15
        assert targets == [*ids[:-1], IGNORED]


@few
@given(SEEDS, PARTS)
def test_memorisation(seed: int, part: str) -> None:
    source = Memorisation(64, 10)
    facts = source.facts.tolist()
    assert sorted(facts) == list(range(31, 62))
    for ids, targets in rows_of(drawn(source, seed, part)):
        assert set(ids[1::2]) == {63}
        assert max(ids[::2]) < 31
        assert [(n, facts[ids[n - 1]]) for n in range(1, 10, 2)] == [
            (n, t) for n, _, t in asked(ids, targets)
        ]


def compose(first: tuple[int, ...], then: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(then[x] for x in first)


@few
@given(SEEDS, st.integers(2, 4), st.sampled_from(["train", "test", "long"]))
def test_words(seed: int, points: int, part: str) -> None:
    source = Words(points, (9, 12), (20,))
    elements = list(itertools.permutations(range(points)))
    batch = drawn(source, seed, part)
    length = {"test": 12, "long": 20}.get(part, batch.ids.shape[1])
    assert batch.ids.shape[1] == length
    assert length >= 9
    assert (held_out(batch.ids) == (part != "train")).all()
    for ids, targets in rows_of(batch):
        state = tuple(range(points))
        for n, letter in enumerate(ids):
            state = compose(state, elements[letter])
            scored = part != "long" or n >= 10
            assert targets[n] == (elements.index(state) if scored else IGNORED)


def test_parity_is_the_group_of_two() -> None:
    batch = TASKS["parity.small"].training(3, 1)
    assert (batch.targets == batch.ids.cumsum(1) % 2).all()


def test_groups() -> None:
    for points in (2, 3, 5):
        table = products(points)
        count = math.factorial(points)
        assert (np.sort(table, 1) == np.arange(count)).all()
        assert (table[0] == range(count)).all()
        a, b, c = generator(points).integers(0, count, (3, 50))
        assert (table[table[a, b], c] == table[a, table[b, c]]).all()
        swaps = np.array(transpositions(points))
        assert len(swaps) == points
        assert (table[swaps, swaps] == 0).all()
    assert (products(3) != products(3).T).any()


def test_a_fifth_of_words_is_held_out() -> None:
    words = generator("words").integers(0, 6, (20_000, 16))
    assert abs(held_out(words).mean() - 0.2) < 0.01


@few
@given(SEEDS, st.integers(1, 9), st.integers(0, 30))
def test_draws(seed: int, count: int, more: int) -> None:
    rng = generator(seed)
    for rows in (distinct(rng, 20, count, 3, 3 + count + more), places(rng, 20, count, 40)):
        assert all(len(set(row)) == count for row in rows.tolist())
    keys = rng.integers(0, 5, (20, count))
    first, last = first_places(keys, 5).tolist(), last_places(keys, 5).tolist()
    for n, row in enumerate(keys.tolist()):
        assert first[n] == [row.index(k) if k in row else count for k in range(5)]
        assert last[n] == [max((i for i, x in enumerate(row) if x == k), default=-1)
                           for k in range(5)]  # fmt: skip


def test_distinct_rows_are_uniform() -> None:
    for high in (5, 400):  # by sorting, and by drawing again
        rows = distinct(generator("uniform"), 20_000, 2, 0, high)
        share = np.histogram(rows[:, 1], 5, (0, high))[0] / len(rows)
        assert np.abs(share - 0.2).max() < 0.015


def _swapped(batch: Batch) -> Batch:
    """Rows that were told another row's answers."""
    return Batch(batch.ids, np.roll(batch.targets, 1, 0))


def _unlearnt(batch: Batch) -> Batch:
    """The first write in place of the last: rows read backwards."""
    return Batch(batch.ids, np.where(batch.asked, batch.ids[:, 1:2], batch.targets))


@pytest.mark.parametrize("fault", [_swapped, _unlearnt])
@pytest.mark.parametrize("name", ["recall", "fuzzy", "mqar"])
def test_the_checks_see_faults(name: str, fault: Callable[[Batch], Batch]) -> None:
    checks: dict[str, tuple[Source, Callable[[Batch], None]]] = {
        "recall": (r := Recall(16, 22), lambda b: check_recall(b, r, False)),
        "fuzzy": (f := Fuzzy(16, 40), lambda b: check_fuzzy(b, f, "test", False)),
        "mqar": (m := Mqar(64, (), (("test", (40, 6)),)), lambda b: check_mqar(b, m, 6)),
    }
    source, check = checks[name]
    batch = drawn(source, 5, "test")
    check(batch)
    with pytest.raises((AssertionError, StopIteration)):
        check(fault(batch))


def test_products_in_the_other_order_are_seen() -> None:
    words = generator("order").integers(0, 6, (50, 16))
    backwards = words.copy()
    state = np.zeros(50, np.int64)
    for n, letter in enumerate(words.T):
        state = products(3)[letter, state]
        backwards[:, n] = state
    assert (prefixes(words, 3) != backwards).any()
