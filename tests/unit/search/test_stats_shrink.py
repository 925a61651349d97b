"""Shrunk effects keep their promise on average, and after selection."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.search.stats.shrink import shrink


@pytest.mark.parametrize(("count", "spread"), [(5, 0.5), (12, 1.0), (40, 2.0)])
def test_intervals_cover_on_average_over_the_population(count: int, spread: float) -> None:
    rng = np.random.default_rng(count)
    true = rng.normal(0.3, spread, size=(400, count))
    found = shrink(true + rng.normal(size=true.shape), 1.0)
    low, high = found.interval()
    assert ((low < true) & (true < high)).mean() > 0.935
    assert ((found.mean - true) ** 2).mean() < 0.9


def test_intervals_are_least_good_where_the_spread_is_near_the_error() -> None:
    """The weakest place that was found: 93 % of 95."""
    rng = np.random.default_rng(3)
    true = rng.normal(0.3, 0.7, size=(250, 40))
    low, high = shrink(true + rng.normal(size=true.shape), 1.0).interval()
    assert 0.915 < ((low < true) & (true < high)).mean() < 0.95


def test_the_best_of_many_is_not_believed() -> None:
    rng = np.random.default_rng(5)
    true = rng.normal(0, 0.5, size=(600, 40))
    seen = true + rng.normal(size=true.shape)
    rows, best = np.arange(600), seen.argmax(1)
    bias = (seen - true)[rows, best].mean()
    shrunk = (shrink(seen, 1.0).mean - true)[rows, best].mean()
    assert bias > 1.5  # planted: the raw effect of the winner
    assert abs(shrunk) < 0.1


def test_the_interval_of_a_winner_is_as_good_as_anybody_elses() -> None:
    rng = np.random.default_rng(6)
    true = rng.normal(0, 1.0, size=(250, 100))
    seen = true + rng.normal(size=true.shape)
    rows, best = np.arange(len(true)), seen.argmax(1)
    low, high = (v[rows, best] for v in shrink(seen, 1.0).interval(0.9))
    real = true[rows, best]
    assert ((low < real) & (real < high)).mean() > 0.9 - 3 * (0.09 / 250) ** 0.5
    # planted: the interval about the raw effect
    assert (np.abs(seen - true)[rows, best] < 1.645).mean() < 0.5


def test_a_giant_is_kept_and_does_not_set_the_scale_for_the_rest() -> None:
    rng = np.random.default_rng(7)
    giant = rng.random((60, 40)) < 0.05
    true = np.where(giant, rng.normal(0, 8, giant.shape), rng.normal(0, 0.3, giant.shape))
    seen = true + rng.normal(size=true.shape)
    normal, robust = shrink(seen, 1.0), shrink(seen, 1.0, prior="robust")
    error = [((s.mean - true) ** 2).mean() for s in (normal, robust)]
    assert error[1] < 0.7 * error[0]
    low, high = robust.interval()
    assert ((low < true) & (true < high)).mean() > 0.94


def test_a_good_crowd_vouches_for_nobody_when_asked_to_be_skeptical() -> None:
    seen = np.array([0.0, 2.0, 2.1, 1.9, 2.0, 2.2])
    assert shrink(seen, 1.0).mean[0] > 1
    skeptical = shrink(seen, 1.0, skeptical=True)
    assert skeptical.mean[0] <= 0
    assert (skeptical.mean / skeptical.sd <= np.maximum(seen, 0)).all()


@pytest.mark.parametrize("prior", ["normal", "robust"])
def test_quantiles_and_probabilities_agree(prior: str) -> None:
    found = shrink([0.1, 1.0, -0.3, 2.5], [0.4, 0.5, 0.4, 0.6], prior=prior)  # type: ignore[arg-type]
    for p in (0.1, 0.5, 0.9):
        q = found.quantile(p)
        assert [1 - found.above(q[i])[i] for i in range(4)] == pytest.approx([p] * 4, abs=1e-6)


def test_failures_are_refused() -> None:
    with pytest.raises(ValueError, match="leave failures out"):
        shrink([0.1, np.nan], 1.0)
    with pytest.raises(ValueError, match="no effects"):
        shrink([], 1.0)
