"""Paired differences, pooled spread and noise, against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.search.stats.paired import (
    bimodality,
    composite,
    differences,
    intraclass,
    noise,
    pooled,
)


def correlated(rng: np.random.Generator, runs: int, designs: int, seeds: int, rho: float):
    shared = rng.normal(size=(runs, 1, seeds)) * rho**0.5
    return shared + rng.normal(size=(runs, designs, seeds)) * (1 - rho) ** 0.5


def test_a_difference_is_by_seed_and_positive_where_the_candidate_is_better() -> None:
    assert differences([1.0, 2.0], [1.5, 2.5]).tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="same seeds on both sides"):
        differences([1.0, 2.0], [1.5])


def test_the_pooled_variance_is_unbiased_and_worth_its_degrees_of_freedom() -> None:
    rng = np.random.default_rng(1)
    found = [pooled(x) for x in correlated(rng, 1500, 12, 6, 0.6)]
    squares = np.array([p.sigma**2 for p in found])
    assert squares.mean() == pytest.approx(1.0, abs=0.02)
    worth = 2 / squares.var()
    assert 1 / np.mean([1 / p.df for p in found]) == pytest.approx(worth, rel=0.2)
    # planted: differences from one baseline counted as independent
    assert found[0].residual == 60
    assert worth < 25


def test_missing_runs_are_left_out_of_the_spread() -> None:
    x = np.array([[1.0, 3.0, np.nan], [2.0, 2.0, np.nan], [5.0, np.nan, np.nan]])
    assert pooled(x).sigma == pytest.approx(1.0)
    assert pooled(x).residual == 2
    with pytest.raises(ValueError, match="two seeds"):
        pooled([[1.0, np.nan]])


def test_the_interval_of_a_correlation_over_seeds_covers_it() -> None:
    rng = np.random.default_rng(2)
    for rho in (0.0, 0.5, 0.8):
        found = [intraclass(x) for x in correlated(rng, 800, 3, 8, rho)]
        hit = np.mean([f.low <= rho <= f.high for f in found])
        assert abs(hit - 0.95) < 3.5 * (0.05 * 0.95 / 800) ** 0.5


def test_the_sd_of_a_pair_is_not_that_of_two_strangers() -> None:
    rng = np.random.default_rng(3)
    x = correlated(rng, 1, 2, 4000, 0.7)[0]
    found = noise(x)
    paired = (x[0] - x[1]).std()
    assert found.paired == pytest.approx(paired, rel=0.03)
    # planted: an unpaired sd is nearly twice as large
    assert np.hypot(x[0].std(), x[1].std()) > 1.7 * paired
    assert found.ratio == pytest.approx(0.3**0.5, rel=0.05)


def test_two_heaps_are_told_from_one() -> None:
    rng = np.random.default_rng(4)
    assert bimodality(rng.normal(size=2000)) < 0.4
    assert bimodality(np.where(rng.random(2000) < 0.4, 0.25, 0.98)) > 0.9
    assert bimodality([1.0, 1.0]) == 0


def test_several_tasks_are_compared_in_units_of_their_own_spread() -> None:
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(1, 4000))
    loud = 10 * (shared + rng.normal(size=(1, 4000)))
    soft = 0.01 * (shared + rng.normal(size=(1, 4000)))
    tasks = {"loud": loud, "soft": soft}
    one = composite(tasks, {t: pooled(x).sigma for t, x in tasks.items()})
    # what the tasks share by seed is in the spread: sqrt((1 + 1/2) / 2), not 1 / sqrt(2)
    assert one.std() == pytest.approx(0.75**0.5, rel=0.03)
    assert np.corrcoef(one[0], loud[0])[0, 1] == pytest.approx(0.75**0.5, abs=0.02)
    soft[0, 3] = np.nan
    assert np.isnan(composite(tasks, {"loud": 1.0, "soft": 1.0})[0, 3])
    with pytest.raises(ValueError, match="soft: no sd"):
        composite(tasks, {"loud": 1.0})
