"""The whole protocol on noise like that of real runs, jumps included: what it promises holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asiarch.search.protocol import FULL, QUICK, Tier
from asiarch.search.stats.confirm import power
from asiarch.search.stats.simulate import Rate, simulate, spread_of
from benchmarks.protocol import like_measured


def pools(seed: int = 0) -> dict[str, np.ndarray]:
    """As measured on small tasks: two tasks that some runs do not solve, two smooth ones."""
    return like_measured(np.random.default_rng(seed))


def test_the_family_wise_error_is_kept_where_everybody_is_confirmed() -> None:
    found = simulate(FULL, pools(), np.random.default_rng(1), runs=2000, candidates=10,
                     screening=False)  # fmt: skip
    assert found.family.value <= 0.05
    assert found.family.high <= 0.06


def test_the_whole_protocol_seldom_claims_a_copy_and_finds_what_is_better() -> None:
    rng = np.random.default_rng(2)
    null = simulate(FULL, pools(), rng, runs=250, candidates=20)
    assert null.family.high < 0.06
    assert null.screened.value < 0.4
    better = simulate(FULL, pools(), rng, runs=250, candidates=20, planted=1, effect=1.6)
    assert better.found.value >= 0.8
    assert better.family.value <= 0.05 + 3 * (0.05 / 250) ** 0.5
    # planted: promotion by the races taken for a claim
    assert better.fooled.value > 0.15


def test_jumps_alone_keep_the_error() -> None:
    only = replace(FULL, claim_tasks=("copy.small",))
    found = simulate(only, pools(), np.random.default_rng(3), runs=1500, candidates=10,
                     screening=False)  # fmt: skip
    assert found.family.high <= 0.06


def test_a_confirmation_without_holm_does_not_keep_it() -> None:
    """Planted: each of ten claims at alpha."""
    loose = replace(FULL, alpha=0.5)  # Holm's first step at 0.05
    found = simulate(loose, pools(), np.random.default_rng(4), runs=300, candidates=10,
                     screening=False)  # fmt: skip
    assert found.family.value > 0.15


def test_power_is_that_of_the_formula_on_smooth_noise() -> None:
    smooth = {k: np.random.default_rng(5).normal(size=(200, 30)) for k in pools()}
    alone = simulate(FULL, smooth, np.random.default_rng(6), runs=1500, candidates=1, planted=1,
                     effect=1.0, screening=False)  # fmt: skip
    assert alone.found.value == pytest.approx(power(1.0, 8, claims=1), abs=0.04)


def test_the_same_seed_gives_the_same_rates() -> None:
    once, again = (
        simulate(FULL, pools(), np.random.default_rng(7), runs=40, candidates=6, planted=1)
        for _ in range(2)
    )
    assert once == again


def test_a_protocol_without_confirmation_claims_nothing() -> None:
    found = simulate(QUICK, pools(), np.random.default_rng(8), runs=50, candidates=8, planted=2)
    assert found.family.hits == found.found.hits == 0
    assert found.fooled.trials == 50


def test_what_is_missing_is_said() -> None:
    rng = np.random.default_rng(9)
    with pytest.raises(ValueError, match=r"no A/A runs of bytes\.small"):
        simulate(FULL, {k: v for k, v in pools().items() if k != "bytes.small"}, rng)
    thin = pools() | {"bytes.small": np.zeros((4, 2))}
    with pytest.raises(ValueError, match="3 replicas"):
        simulate(FULL, thin, rng)


def test_limits_and_spreads() -> None:
    assert Rate(0, 60).high == pytest.approx(1 - 0.05 ** (1 / 60))
    assert Rate(60, 60).low == pytest.approx(0.05 ** (1 / 60))
    pool = np.random.default_rng(10).normal(size=(400, 10)) + np.arange(400)[:, None]
    assert spread_of(pool) == pytest.approx(2**0.5, rel=0.03)


def test_ties_and_a_task_without_noise_end_in_no_claim() -> None:
    flat = {k: np.zeros((5, 3)) for k in pools()}
    one = replace(FULL, tiers=(Tier("T1", ("copy.small",), (2, 8), 0.4),))
    found = simulate(one, flat, np.random.default_rng(11), runs=30, candidates=4)
    assert found.family.hits == 0
