"""What laws are made of: replaced tokens, hard data, tolerances and verdicts."""

from __future__ import annotations

import json
import math

import pytest
import torch

from asiarch.laws import tolerances
from asiarch.laws.streams import (
    LOG_GATES,
    correlated_keys,
    cuts,
    identical_keys,
    log_gates,
    replaced,
    strided,
)
from asiarch.laws.verdict import Report, Witness, fails, holds, not_applicable


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_cuts_surround_chunk_boundaries() -> None:
    assert cuts(65, 16) == (1, 15, 16, 17, 31, 32, 64)
    assert cuts(1) == ()
    assert cuts(2) == (1,)
    assert {63, 64, 65, 127} <= set(cuts(200))


@pytest.mark.parametrize("magnitude", [1e-3, 1.0, 1e4])
def test_replaced_tokens_differ_and_the_others_do_not(magnitude: float) -> None:
    x = torch.randn(2, 9, 3, generator=generator())
    y = replaced(x, slice(4, None), magnitude, generator())
    assert torch.equal(x[:, :4], y[:, :4])
    assert (x[:, 4:] != y[:, 4:]).all()
    assert y.isfinite().all()
    assert y[:, 4:].abs().mean() == pytest.approx(0.8 * magnitude, rel=0.5)


def test_replaced_ids_stay_in_range_and_all_differ() -> None:
    ids = torch.randint(0, 5, (3, 20), generator=generator())
    other = replaced(ids, slice(0, None), 1.0, generator())
    assert (other != ids).all()
    assert 0 <= other.min() <= other.max() <= ids.max()
    flags = ids > 2
    assert (replaced(flags, slice(0, None), 1.0, generator()) != flags).all()


def test_hard_keys_have_the_cosine_that_is_asked_for() -> None:
    same = identical_keys((2, 30, 3, 8), generator())
    assert torch.equal(same[:, 0], same[:, 29])
    assert torch.allclose(same.norm(dim=-1), torch.ones(2, 30, 3))
    close = correlated_keys((1, 400, 64), generator())
    cosines = close[0] @ close[0].T
    off = cosines[~torch.eye(400, dtype=torch.bool)]
    assert off.mean().item() == pytest.approx(0.9, abs=0.05)


def test_log_gates_reach_both_ends() -> None:
    named = dict(log_gates((4, 200), generator()))
    assert len(named) == len(LOG_GATES) + 1
    mixed = named["mixed log-gates"]
    assert set(mixed.unique().tolist()) == set(torch.tensor(LOG_GATES).tolist())
    assert (named["log-gate -inf"] == -math.inf).all()


def test_strided_keeps_values_and_loses_contiguity() -> None:
    x = torch.randn(2, 5, 3, generator=generator())
    y = strided(x)
    assert torch.equal(x, y)
    assert not y.is_contiguous()
    assert 1 not in y.stride()


# Tolerances.


def signal() -> torch.Tensor:
    return torch.randn(2, 7, 4, generator=generator(), dtype=torch.float64)


def test_comparison_is_by_row_and_names_the_place() -> None:
    x = signal()
    y = x.clone()
    y[1, 3, 2] += 3e-12 * float(x[1, 3].abs().max())
    error = tolerances.compare(y, x, tolerances.FLOAT64)
    assert error.ratio == pytest.approx(3, rel=0.01)
    assert (error.row, error.token) == (1, 3)
    assert tolerances.compare(x, x, tolerances.EXACT).ratio == 0
    assert tolerances.compare(y, x, tolerances.EXACT).ratio == math.inf


def test_a_row_that_cancels_is_not_held_to_digits_it_has_not() -> None:
    x = signal()
    x[0, 2] = 0
    y = x.clone()
    y[0, 2] = 1e-16
    assert tolerances.compare(y, x, tolerances.FLOAT64).ratio < 1


def test_infinite_and_missing_numbers_are_equal_to_themselves_alone() -> None:
    x = signal()
    x[0, 0, 0], x[0, 1, 0] = math.inf, math.nan
    assert tolerances.compare(x, x, tolerances.FLOAT64).ratio == 0
    for place in (0, 1):
        y = x.clone()
        y[0, place, 0] = 1.0
        assert tolerances.compare(y, x, tolerances.FLOAT64).ratio == math.inf
        assert tolerances.compare(x, y, tolerances.FLOAT64).ratio == math.inf


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        tolerances.compare(signal()[:, :3], signal(), 1.0)


def test_low_precision_is_measured_against_the_loop() -> None:
    truth = signal()
    loop = truth.float()
    near = loop * (1 + 2e-7)
    far = loop * (1 + 2e-5)
    assert tolerances.compare_with_loop(near, loop, truth).ratio < 1
    assert tolerances.compare_with_loop(far, loop, truth).ratio > 1
    sloppy = loop * (1 + 1e-5)
    assert tolerances.compare_with_loop(far, sloppy, truth).ratio < 1
    exact = truth.float().double()
    lucky = tolerances.loop_share(loop, exact)
    assert lucky == 0
    assert tolerances.compare_with_loop(far, loop, exact, share=1e-5).ratio < 1


def test_empty_comparisons_hold() -> None:
    nothing = torch.zeros(1, 0, 4)
    assert tolerances.compare(nothing, nothing, 1.0).ratio == 0


# Verdicts.


def test_a_report_is_ok_only_when_something_was_tried_and_nothing_failed() -> None:
    good, bad = holds("a", "fine", 0.25), fails("b", Witness("seen", 5, 3, 0, 0.12), ratio=2.0)
    silent = not_applicable("c", "no state")
    assert Report("m", (good, silent)).ok
    assert not Report("m", (silent,)).ok
    assert not Report("m", (good, bad)).ok
    assert Report("m", (good, bad)).failures == (bad,)
    assert Report("m", (good, bad))["b"] is bad
    with pytest.raises(KeyError):
        Report("m", ())["b"]


def test_reports_are_text_and_json() -> None:
    report = Report("Module", (holds("a", "fine", 0.25), fails("b", Witness("seen", 5, 3, 0, 0.1))))
    text = str(report)
    assert text.splitlines()[0] == "Module"
    assert "ok  a: fine (0.25 of the tolerance)" in text
    assert "failed  b: seen" in text
    data = json.loads(json.dumps(report.as_dict()))
    assert data["ok"] is False
    assert data["verdicts"][1]["witness"]["changed_token"] == 5
