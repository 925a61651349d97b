"""Our definitions beside other people's code, where it is installed; and each oracle's own eyes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from asiarch.laws.oracles.excluded import EXCLUDED, Excluded, difference
from asiarch.laws.oracles.faults import body_of, read_point, scaled, transposed
from asiarch.laws.oracles.measure import Measure, compared, measure, reference_side
from asiarch.laws.oracles.oracle import Oracle
from asiarch.laws.oracles.references import Absent, root
from asiarch.laws.oracles.registry import ORACLES, UNSAID
from asiarch.laws.tolerances import ANOTHERS

SEEN = 1e6
"""A planted fault is this many tolerances off, or more."""


def present(oracle: Oracle) -> Oracle:
    try:
        oracle.reference.load()
    except Absent as why:
        pytest.skip(str(why))
    return oracle


def measured(oracle: Oracle) -> Measure:
    return measure(present(oracle))


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda o: o.name)
def test_equal(oracle: Oracle) -> None:
    found = measured(oracle)
    assert found.worst < ANOTHERS[oracle.precision], found


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda o: o.name)
def test_each_stream_is_looked_at(oracle: Oracle) -> None:
    """Every stream times 1.01 in turn: decays, rates, keys, values."""
    present(oracle)
    x = oracle.draw()
    theirs = reference_side(oracle, x)
    for stream in range(len(oracle.ours(x))):
        found = compared(scaled(oracle, stream), x, *theirs)
        assert found.error + found.gradient > SEEN * ANOTHERS[oracle.precision], stream
        assert found.loop + found.slope > SEEN * ANOTHERS[oracle.precision], stream


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda o: o.name)
def test_the_read_point_and_the_side_of_the_state_are_seen(oracle: Oracle) -> None:
    present(oracle)
    for faulty in (read_point(oracle), transposed(oracle)):
        if faulty is not None:
            found = measure(faulty)
            assert min(found.error, found.loop) > SEEN * ANOTHERS[oracle.precision]


def test_whatever_has_a_past_has_a_read_point_to_move() -> None:
    for oracle in ORACLES:
        past = re.search(r"^ +state \w|\battend j\b", body_of(oracle), re.MULTILINE)
        assert (past is None) == (read_point(oracle) is None), oracle.name


@pytest.mark.parametrize("wrong", EXCLUDED, ids=lambda e: e.oracle.reference.function)
def test_a_reference_known_to_be_wrong_differs(wrong: Excluded) -> None:
    """When one of these agrees it has been repaired, and belongs to the oracles."""
    present(wrong.oracle)
    assert difference(wrong) > 1e3 * ANOTHERS[wrong.oracle.precision]


def test_every_naive_reference_is_accounted_for() -> None:
    """A reference that a later version adds is compared with, excluded, or said to be unsayable."""
    above = root("fla")
    if above is None:
        pytest.skip("fla-core is not installed (make oracles)")
    found = {str(p.relative_to(above)) for p in above.glob("fla/ops/**/*naive.py")}
    used = {o.reference.where for o in (*ORACLES, *(e.oracle for e in EXCLUDED))}
    assert found - used == set(UNSAID)


def test_a_parameter_that_is_not_given_is_an_error() -> None:
    one = next(o for o in ORACLES if o.leaves.keys() == {"q", "k", "v", "w", "u"})
    with pytest.raises(ValueError, match="on one side only"):
        measured(replace(one, parameters=lambda x: {}))
