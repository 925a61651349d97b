"""Looks, races and confirmation: error rates and power by simulation; planted faults fail."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.search.stats.confirm import confirm, power, seeds_for, tail
from asiarch.search.stats.looks import always_valid, bounds, factors
from asiarch.search.stats.multiple import benjamini_hochberg, holm
from asiarch.search.stats.paired import Pooled
from asiarch.search.stats.race import Race, judge, seeds_due
from asiarch.search.stats.special import t_quantile

SEEDS = (2, 3, 8)


def means(rng: np.random.Generator, runs: int, effect: float = 0.0):
    x = rng.normal(effect, 1, size=(runs, 8)).cumsum(1)
    return [x[:, n - 1] / n for n in SEEDS]


def test_bounds_are_the_published_ones() -> None:
    # five equal looks at one-sided 0.025: Jennison and Turnbull (2000), chapter 7
    five = (1, 2, 3, 4, 5)
    published = [2.438, 2.427, 2.410, 2.397, 2.386]
    assert bounds(five, 0.025, "pocock") == pytest.approx(published, abs=2e-3)
    published = [4.877, 3.357, 2.680, 2.290, 2.031]
    assert bounds(five, 0.025, "obrien-fleming") == pytest.approx(published, abs=2e-3)
    with pytest.raises(ValueError, match="increasing"):
        bounds((3, 2), 0.05, "pocock")


@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
def test_looks_cost_no_error(spending: str) -> None:
    rng = np.random.default_rng(1)
    looks = means(rng, 100_000)
    for alpha in (0.01, 0.05):
        z = bounds(SEEDS, alpha, spending)  # type: ignore[arg-type]
        passed = np.any([m * n**0.5 > c for m, n, c in zip(looks, SEEDS, z, strict=True)], axis=0)
        assert passed.mean() == pytest.approx(alpha, abs=4 * (alpha / 1e5) ** 0.5)


def test_looks_without_correction_cost_error() -> None:
    looks = means(np.random.default_rng(2), 50_000)
    z = bounds(SEEDS, 0.05, "none")
    passed = np.any([m * n**0.5 > c for m, n, c in zip(looks, SEEDS, z, strict=True)], axis=0)
    assert passed.mean() > 0.08


def race_errors(rng: np.random.Generator, race: Race, runs: int, count: int, df: int) -> float:
    """How many candidates without effect are ever promoted, with sigma estimated."""
    promoted = 0
    for _ in range(runs):
        x = rng.normal(size=(count, 8))
        sigma = float(np.sqrt(rng.chisquare(df) / df))
        alive = np.ones(count, dtype=bool)
        for look, n in enumerate(race.seeds):
            found = judge(x[:, :n].mean(1), Pooled(sigma, df, df), look, race)
            promoted += int((alive & (found.verdict == "promoted")).sum())
            alive &= found.verdict == "more"
    return promoted / (runs * count)


def test_a_race_promotes_a_candidate_without_effect_at_most_with_alpha() -> None:
    rng = np.random.default_rng(3)
    assert race_errors(rng, Race(alpha=0.05), 150, 20, 20) < 0.05


def test_the_bound_holds_where_others_are_much_better() -> None:
    # an estimated prior must not lend a null candidate the success of its neighbours
    rng = np.random.default_rng(4)
    race, promoted, runs = Race(alpha=0.05), 0, 400
    for _ in range(runs):
        x = rng.normal(size=(12, 8))
        x[1:] += 2
        seen = False
        for look, n in enumerate(race.seeds):
            verdict = judge(x[:, :n].mean(1), Pooled(1.0, 1e6, 10**6), look, race).verdict
            seen |= verdict[0] == "promoted"
        promoted += seen
    assert promoted / runs < 0.05 + 3 * (0.05 / runs) ** 0.5


def test_a_strong_candidate_is_promoted_early_and_a_bad_one_stopped() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(0, 0.4, size=30)
    x[0], x[1] = 5.0, -5.0
    found = judge(x, Pooled(1.0, 60, 60), 0, Race())
    assert found.verdict[0] == "promoted"
    assert found.verdict[1] == "stopped"
    assert (found.verdict[2:] == "more").mean() > 0.5
    last = judge(x, Pooled(1.0, 60, 60), 2, Race())
    assert set(last.verdict) <= {"promoted", "stopped", "measured"}


def test_earlier_candidates_join_the_prior_without_being_judged() -> None:
    crowd = (np.random.default_rng(6).normal(0, 0.1, 200), np.full(200, 0.5))
    alone = judge([1.2], Pooled(1.0, 60, 60), 2, Race())
    among = judge([1.2], Pooled(1.0, 60, 60), 2, Race(), crowd=crowd)
    assert among.verdict.shape == (1,)
    assert among.posterior.mean[0] < alone.posterior.mean[0]


def test_a_lucky_elite_regresses_as_it_is_used() -> None:
    assert [seeds_due(k, 8) for k in (0, 1, 2, 3, 4, 8, 16)] == [8, 8, 9, 9, 10, 11, 12]
    rng = np.random.default_rng(7)
    x = rng.normal(size=(2000, 30, 11))
    first = x[..., :8].mean(-1)
    best = first.argmax(1)
    rows = np.arange(2000)
    used = x[rows, best, : seeds_due(8, 8)].mean(-1)
    assert used.mean() < 0.8 * first[rows, best].mean()


def test_an_interval_that_may_always_be_looked_at() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4000, 200)).cumsum(1) / np.arange(1, 201)
    reach = np.array([always_valid(n, 1.0, 0.05) for n in range(1, 201)])
    assert (np.abs(x) > reach).any(1).mean() < 0.05
    assert always_valid(8, 1.0, 0.05, 8) < min(always_valid(8, 1.0, 0.05, k) for k in (2, 40))
    # planted: a fixed interval looked at after every seed
    assert (np.abs(x) > 1.96 / np.sqrt(np.arange(1, 201))).any(1).mean() > 0.3


def test_a_t_test_on_two_seeds_is_worthless() -> None:
    """As power goes, and as a sigma that is known by luck: pooling finds what it cannot."""
    rng = np.random.default_rng(9)
    x = rng.normal(2.0, 1.0, size=(4000, 2))
    assert (tail(x) < 0.005).mean() < 0.04
    pooled = x.mean(1) * 2**0.5 > float(t_quantile(0.995, 60))
    assert pooled.mean() > 0.5
    with pytest.raises(ValueError, match="no power"):
        confirm(x[:3])


def test_confirmation_has_the_power_that_the_design_states() -> None:
    assert power(1.6, 8) >= 0.8
    assert power(1.0, 16) >= 0.8
    assert seeds_for(1.6) == 8
    assert seeds_for(1.0) <= 16
    rng = np.random.default_rng(10)
    for effect, n in ((1.6, 8), (1.0, 16)):
        hit = (tail(rng.normal(effect, 1, size=(20_000, n))) <= 0.005).mean()
        assert hit == pytest.approx(power(effect, n), abs=0.012)


def test_holm_keeps_the_family_and_finds_more_than_bonferroni() -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(2500, 10, 8)) + rng.normal(size=(2500, 1, 8))  # the bar is shared
    assert (holm(tail(x)) <= 0.05).any(1).mean() < 0.05 + 3 * (0.05 / 2500) ** 0.5
    # planted: no correction over the shortlist
    assert (tail(x) <= 0.05).any(1).mean() > 0.15
    p = [0.01, 0.02, 0.03, 0.2]
    assert holm(p) == pytest.approx([0.04, 0.06, 0.06, 0.2])
    assert benjamini_hochberg(p) == pytest.approx([0.04, 0.04, 0.04, 0.2])


def test_what_failed_on_a_seed_is_not_confirmed() -> None:
    x = np.full((2, 8), 2.0) + np.random.default_rng(12).normal(0, 0.1, (2, 8))
    x[1, 3] = np.nan
    found = confirm(x)
    assert found.confirmed.tolist() == [True, False]
    assert found.p[1] == 1
    assert tail(np.zeros((1, 8)))[0] == 1


def test_simultaneous_intervals_cover_together() -> None:
    rng = np.random.default_rng(13)
    hits = 0
    for _ in range(600):
        found = confirm(rng.normal(size=(5, 8)))
        hits += bool(((found.low < 0) & (found.high > 0)).all())
    assert hits / 600 > 0.95 - 3 * (0.05 / 600) ** 0.5


def test_factors_grow_where_sigma_is_less_known() -> None:
    few, many = factors(SEEDS, 0.05, "pocock", 5), factors(SEEDS, 0.05, "pocock", 500)
    assert all(a > b for a, b in zip(few, many, strict=True))
