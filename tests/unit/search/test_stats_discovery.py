"""Laws of growth are recovered, told apart, and refused where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.search.stats.discovery import LAWS, Run, curve, fits, growth, rate_ratio


def sample(
    rng: np.random.Generator, law: str, shape: float, expected: float, total: float = 50.0
) -> Run:
    """A run of the law whose mean count at the end is `expected`."""
    n = rng.poisson(expected)
    top = LAWS[law].mean(np.asarray(1.0), shape)
    t = LAWS[law].inverse(rng.random(n) * top, shape) * total
    return Run(tuple(np.sort(np.maximum(t, 1e-9)).tolist()), total)


@pytest.mark.parametrize(("law", "shape"), [("poisson", 1.0), ("power", 2.5), ("saturating", 0.15)])
def test_the_true_law_wins_and_fits(law: str, shape: float) -> None:
    rng = np.random.default_rng(3)
    wins = ok = 0
    for _ in range(20):
        found = fits([sample(rng, law, shape, 30) for _ in range(3)], rng, draws=39)
        wins += found[0].law == law
        ok += next(f for f in found if f.law == law).p > 0.05
    assert wins >= 15
    assert ok >= 17


def test_goodness_is_calibrated_and_rejects_another_law() -> None:
    rng = np.random.default_rng(4)
    true, other = [], []
    for _ in range(60):
        found = {f.law: f for f in fits([sample(rng, "saturating", 0.15, 40)], rng, draws=39)}
        true.append(found["saturating"].p)
        other.append(found["poisson"].p)
    assert np.mean(np.array(true) <= 0.1) < 0.1 + 3 * (0.09 / 60) ** 0.5
    assert np.mean(np.array(other) <= 0.1) > 0.9


def test_fits_say_how_many_are_expected() -> None:
    rng = np.random.default_rng(5)
    runs = [sample(rng, "saturating", 0.3, 60) for _ in range(4)]
    mean = np.mean([len(r.events) for r in runs])
    for fit in fits(runs, rng, draws=1):
        assert float(fit.expected(50.0)) == pytest.approx(mean, rel=1e-9)
    saturating = next(f for f in fits(runs, rng, draws=1) if f.law == "saturating")
    assert saturating.shape == pytest.approx(0.3 * 50, rel=0.35)


def test_the_exponent_is_covered() -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(800):
        g = growth([sample(rng, "power", 1.8, 8) for _ in range(2)])
        hits += g.low <= 1.8 <= g.high
    assert abs(hits / 800 - 0.95) < 3.5 * (0.0475 / 800) ** 0.5


def test_a_sum_that_looks_like_a_line_says_nothing() -> None:
    """Planted: R^2 of a line through the cumulative count is near 1 for every law."""
    rng = np.random.default_rng(7)
    for law, shape in (("poisson", 1.0), ("power", 1.6), ("saturating", 0.6)):
        t = np.array(sample(rng, law, shape, 60).events)
        assert np.corrcoef(t, np.arange(len(t)))[0, 1] ** 2 > 0.9


def test_the_band_over_runs_covers_the_mean_of_such_runs() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(500):
        runs = [sample(rng, "poisson", 1.0, rng.gamma(4, 3)) for _ in range(5)]
        c = curve(runs, [25.0, 50.0])
        hits += c.low[1] <= 12 <= c.high[1]
    assert hits / 500 > 0.9
    alone = curve([sample(rng, "poisson", 1.0, 5)], [50.0])
    assert np.isnan(alone.low).all()
    with pytest.raises(ValueError, match="no further"):
        curve(runs, [51.0])


def test_a_ratio_of_rates_is_exact() -> None:
    rng = np.random.default_rng(9)
    null = [
        rate_ratio([sample(rng, "poisson", 1, 6)], [sample(rng, "poisson", 1, 12, 100.0)])
        for _ in range(800)
    ]
    assert np.mean([r.p <= 0.05 for r in null]) < 0.05 + 3 * (0.05 / 800) ** 0.5
    assert np.mean([r.low <= 1 <= r.high for r in null]) > 0.94
    nothing = rate_ratio([Run((1.0, 2.0), 5.0)], [Run((), 5.0)])
    assert nothing.value == np.inf
    assert nothing.high == np.inf


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="by the end"):
        Run((6.0,), 5.0)
    with pytest.raises(ValueError, match="three discoveries"):
        fits([Run((1.0, 2.0), 5.0)], np.random.default_rng(0))
