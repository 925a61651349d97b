"""Seeds: functions of who asks, and the roles never meet."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.search.seeds import BITS, ROLES, role_of, seed

fields = st.tuples(st.integers(), st.text(max_size=5), st.text(max_size=5), st.integers(0, 10**6))


def test_a_seed_stays_what_it_was() -> None:
    assert [seed(0, "run", "", role, 1) for role in ROLES] == [
        7339421392157598868,
        2855507694600259433,
        4380111847092284146,
        3179989398972377479,
    ]


@given(fields, fields)
def test_roles_never_meet(one: tuple[int, str, str, int], other: tuple[int, str, str, int]) -> None:
    for role, another in itertools.permutations(ROLES, 2):
        a = seed(*one[:3], role, one[3])
        b = seed(*other[:3], another, other[3])
        assert a != b
        assert (role_of(a), role_of(b)) == (role, another)


def test_no_two_askers_of_a_large_search_meet() -> None:
    drawn = [
        seed(master, run, candidate, role, k)
        for master in (0, 1, -1)
        for run in ("a", "b", "ab")
        for candidate in ("", "a", "b", "ba", *(str(number) for number in range(100)))
        for role in ROLES
        for k in range(8)
    ]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= number < 1 << BITS for number in drawn)


def test_fields_do_not_run_into_each_other() -> None:
    assert seed(1, "2", "3", "train", 4) != seed(12, "", "3", "train", 4)
    assert seed(1, "ab", "c", "train", 4) != seed(1, "a", "bc", "train", 4)
    assert seed(1, "a", "b", "train", 11) != seed(1, "a", "b1", "train", 1)


def test_every_bit_is_used() -> None:
    """Of 4,000 seeds each bit but the role's is set in a half, within five standard deviations."""
    counts = Counter(
        bit
        for k in range(4000)
        for bit in range(2, BITS)
        if seed(0, "r", "", "train", k) >> bit & 1
    )
    assert all(abs(counts[bit] - 2000) < 5 * 32 for bit in range(2, BITS))


def test_what_is_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="role"):
        seed(0, "r", "", "validate", 0)
    with pytest.raises(ValueError, match="from 0"):
        seed(0, "r", "", "train", -1)
    with pytest.raises(ValueError, match="no seed"):
        role_of(1 << BITS)
