"""Solved or not, ranks, and families: coverage and error rates by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asiarch.search.stats import cluster
from asiarch.search.stats.rank import correlation
from asiarch.search.stats.solved import compare, jeffreys, wilson
from asiarch.search.stats.special import library


def coverage(interval, n: int, p: float) -> float:
    """Exact: the chance that the interval of a binomial count holds p."""
    k = np.arange(n + 1)
    low, high = interval(k, np.full(n + 1, n))
    mass = library("scipy.stats").binom.pmf(k, n, p)
    return float(mass[(low <= p) & (p <= high)].sum())


@pytest.mark.parametrize("interval", [jeffreys, wilson])
@pytest.mark.parametrize("n", [5, 8, 16])
def test_intervals_of_p_solved_cover_on_average(interval, n: int) -> None:
    found = [coverage(interval, n, p) for p in np.linspace(0.01, 0.99, 99)]
    assert np.mean(found) > 0.94
    assert interval(0, n)[0] == 0
    assert interval(n, n)[1] == 1


def test_a_mean_of_two_heaps_is_no_interval() -> None:
    """Planted: mean +- 1.96 sd / sqrt(n) of a 0/1 outcome misses far more often than 5 %."""

    def wald(k, n):
        p = k / n
        return p - 1.96 * np.sqrt(p * (1 - p) / n), p + 1.96 * np.sqrt(p * (1 - p) / n)

    assert coverage(wald, 8, 0.9) < 0.6 < coverage(jeffreys, 8, 0.9)
    with pytest.raises(ValueError, match="mean accuracy"):
        compare([0.9, 1.0], [1.0, 0.0])


@pytest.mark.parametrize("seeds", [8, 16])
def test_comparing_what_is_solved_keeps_its_error_and_covers(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    for common, p in ((0.8, 0.5), (0.0, 0.3)):
        a, b = rng.random((2, 1500, seeds)) < p
        same = rng.random((1500, seeds)) < common
        b = np.where(same, a, b)
        found = [compare(x, y) for x, y in zip(a, b, strict=True)]
        assert np.mean([f.p <= 0.05 for f in found]) <= 0.05 + 3 * (0.05 / 1500) ** 0.5
        assert np.mean([f.low <= 0 <= f.high for f in found]) > 0.93


def test_a_candidate_that_alone_solves_is_seen() -> None:
    found = compare([1] * 7 + [0], [0] * 8)
    assert (found.only, found.lost) == (7, 0)
    assert found.p < 0.01
    assert found.low > 0.3
    assert compare([1, 0], [1, 0]).p == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=5, max_size=14))
def test_correlations_are_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    if len(set(x)) < 2 or len(set(y)) < 2:
        return
    stats = library("scipy.stats")
    rng = np.random.default_rng(0)
    tau = correlation(x, y, rng, draws=50)
    rho = correlation(x, y, rng, kind="spearman", draws=50)
    assert tau.value == pytest.approx(stats.kendalltau(x, y).statistic)
    assert rho.value == pytest.approx(stats.spearmanr(x, y).statistic)


def test_a_tier_that_says_nothing_seldom_gates() -> None:
    rng = np.random.default_rng(1)
    for kind in ("kendall", "spearman"):
        null = [
            correlation(*rng.normal(size=(2, 10)), rng, kind=kind, draws=300)  # type: ignore[arg-type]
            for _ in range(300)
        ]
        assert np.mean([c.gates for c in null]) <= 0.025 + 3 * (0.025 / 300) ** 0.5


def test_a_value_of_tau_is_no_evidence_by_itself() -> None:
    """Planted: tau above 0.3 taken for agreement."""
    rng = np.random.default_rng(5)
    found = [correlation(*rng.normal(size=(2, 8)), rng, draws=50).value for _ in range(300)]
    assert np.mean([tau > 0.3 for tau in found]) > 0.1


def test_a_tier_that_ranks_well_gates() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(100, 12))
    y = 0.9 * x + 0.44 * rng.normal(size=x.shape)
    assert (
        np.mean([correlation(a, b, rng, draws=400).gates for a, b in zip(x, y, strict=True)]) > 0.9
    )


def test_noise_of_the_runs_widens_the_interval() -> None:
    rng = np.random.default_rng(3)
    true = np.arange(12.0)
    noisy = true[:, None] + rng.normal(size=(12, 5)) * 6
    within = correlation(noisy, true, np.random.default_rng(0))
    means = correlation(noisy.mean(1), true, np.random.default_rng(0))
    assert within.high - within.low > means.high - means.low


def test_families_are_resampled_whole() -> None:
    rng = np.random.default_rng(4)
    hits = naive = 0
    for _ in range(400):
        family = np.repeat(np.arange(15), rng.integers(2, 9, 15))
        x = rng.normal(size=15)[family] + 0.3 * rng.normal(size=len(family))
        found = cluster.mean(x, list(family), rng)
        hits += found.low <= 0 <= found.high
        naive += abs(x.mean()) < 1.96 * x.std() / len(x) ** 0.5
    assert hits / 400 > 0.92
    assert naive / 400 < 0.75  # planted: children counted as independent
    assert found.clusters == 15


def test_few_families_bound_nothing() -> None:
    found = cluster.mean([1.0, 2.0, 3.0], ["a", "a", "b"], np.random.default_rng(0))
    assert (found.low, found.high) == (-np.inf, np.inf)
