"""Runs: what they depend on, how they end, and that the update is AdamW."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from asiarch.train import optimizer
from asiarch.train.tasks import TASKS, Result, Run, train
from asiarch.train.tasks.adam import Adam, Placed
from asiarch.train.tasks.build import build
from asiarch.train.tasks.host import Hosted
from asiarch.train.tasks.train import curve, grouped

from .mixers import text

SHORT = Run(text("delta_mixer"), "delta_mixer", "copy.small", steps=4, batch=4)


def timeless(result: Result) -> Result:
    return replace(result, seconds=0.0, replicas=1)


def test_results_do_not_depend_on_company() -> None:
    """Bit for bit, though three of them are one module here."""
    other = replace(SHORT, op="none_mixer", text=text("none_mixer"))
    runs = [SHORT, other, replace(SHORT, seed=1), replace(SHORT, learning_rate=1e-2)]
    together = train(runs)
    for place in (1, 3):
        assert timeless(together[place]) == timeless(train([runs[place]])[0])
    assert len({r.final_loss for r in together}) == len(runs)
    assert all(r.status == "done" and len(r.curve) == 4 for r in together)


def test_groups_differ_in_seed_and_rate_alone() -> None:
    runs = [SHORT, replace(SHORT, batch=2), replace(SHORT, seed=4, learning_rate=1.0)]
    assert grouped(runs) == [[0, 2], [1]]


def test_what_a_result_holds() -> None:
    (result,) = train([replace(SHORT, host="plain", task="parity.small")])
    assert result.metrics.keys() == {
        "accuracy", "solved", "accuracy_long", "solved_long", "loss_long"
    }  # fmt: skip
    assert result.state_floats == 2 * (2 * 32 * 32 + 3 * 3 * 64)
    assert result.auc == pytest.approx(sum(result.curve) / 4)
    assert result.steps == 4
    assert result.flops_per_token is not None
    assert 2 * 60_000 < result.flops_per_token < 4 * 60_000
    assert result.as_json()["metrics"] == result.metrics


def test_the_share_of_products_is_measured_when_asked_for() -> None:
    (plain,) = train([SHORT])
    (profiled,) = train([SHORT], profile=True)
    assert plain.matmul_share is None
    assert 0.02 < profiled.matmul_share < 0.9
    assert timeless(replace(profiled, matmul_share=None)) == timeless(plain)


def test_the_decoder_sees_the_code_alone() -> None:
    task = TASKS["compression.small"]
    predictor = build(Hosted(SHORT.text, SHORT.op, "conv", 16, encodes=True)).predictor(0)
    ids = torch.from_numpy(task.testing(rows=3).ids)
    with torch.no_grad():
        whole = predictor(ids)
        code = predictor.model(ids)[:, -1]
        assert torch.equal(whole, predictor.decoder(code[:, None].expand(-1, ids.shape[1], -1)))
    (result,) = train([replace(SHORT, task="compression.small")])
    assert result.final_loss == pytest.approx(math.log(15), abs=0.3)


def test_progress_counts_every_step() -> None:
    seen: list[tuple[int, int]] = []
    runs = [SHORT, replace(SHORT, seed=1)]
    train(runs, progress=lambda done, of, loss: seen.append((done, of)))
    assert seen == [(2 * n, 8) for n in range(1, 5)]
    seen.clear()
    train(runs, progress=lambda done, of, loss: seen.append((done, of)), together=False)
    assert seen == [(n, 8) for n in range(1, 9)]


def test_a_run_that_diverges_says_so_and_the_rest_goes_on() -> None:
    dead, live = train([replace(SHORT, learning_rate=1e30), SHORT])
    assert (dead.status, dead.reason) == ("failed", "nan")
    assert "step 2" in dead.detail
    assert dead.final_loss is None
    assert live.status == "done"


def test_a_deadline_ends_what_is_not_done() -> None:
    for result in train([SHORT, replace(SHORT, seed=1)], deadline=time.monotonic() - 1):
        assert (result.status, result.reason) == ("failed", "timeout")


def test_ctrl_c_is_raised() -> None:
    def stop(done: int, of: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([SHORT], progress=stop)


@pytest.mark.parametrize(
    ("source", "reason", "says"),
    [
        ("op m[D](x: Seq[D]) -> Seq[D] where causal { return x[t+1] }", "causal", "E0302"),
        ("op m[D](x: Seq[D]) -> Seq[D] { return mean[time](x) }", "causal", "E03"),
        ("op m[D](x: Seq[D]) -> Seq[D] where causal { return x + y }", "type", "E"),
        ("op n[D](x: Seq[D]) -> Seq[D] { return x }", "type", "there is no `m`"),
    ],
)
def test_what_is_not_trained(source: str, reason: str, says: str) -> None:
    (result,) = train([replace(SHORT, text=source, op="m")])
    assert (result.status, result.reason) == ("failed", reason), result.detail
    assert says in result.detail


def test_what_cannot_be_matched_fails_by_its_cost() -> None:
    (result,) = train([replace(SHORT, parameters=5_000)])
    assert (result.status, result.reason) == ("failed", "cost")


def test_unknown_tasks_are_the_callers_fault() -> None:
    with pytest.raises(ValueError, match=r"no task 'parity\.tiny'; there are mqar, recall"):
        train([replace(SHORT, task="parity.tiny")])


def _plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def test_the_update_is_adamw() -> None:
    """That of `torch.optim.AdamW`, with clipping, decay on matrices alone and the schedule."""
    ours, theirs = _plain(), _plain()
    adam = Adam([Placed(p) for p in ours.parameters()], [0.1], 6)
    reference = optimizer.build(theirs, 0.1)
    for step in range(6):
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        for group in reference.param_groups:
            group["lr"] = optimizer.learning_rate(0.1, step, 6)
        reference.zero_grad()
        mine, other = (10 * m(x).square().mean() for m in (ours, theirs))
        other.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), optimizer.CLIP)
        adam.step(mine[None])
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_curves_are_means_of_equal_stretches() -> None:
    assert curve([float(n) for n in range(400)]) == tuple(2 * n + 0.5 for n in range(200))
    assert curve([1.0, 2.0]) == (1.0, 2.0)
    assert curve([]) == ()


def test_reflections_learn_parity_and_no_memory_does_not() -> None:
    """A minute's table in a few seconds: the rest is `python benchmarks/tiny_tasks.py`."""
    delta2, none = train(
        [
            Run(text(op), op, "parity.small", "plain", learning_rate=1e-2, steps=steps, batch=8)
            for op, steps in (("delta2_mixer", 150), ("none_mixer", 60))
        ]
    )
    assert delta2.metrics["accuracy"] > 0.99
    assert delta2.metrics["accuracy_long"] > 0.9
    assert abs(none.metrics["accuracy"] - 0.5) < 0.03
    assert none.final_loss == pytest.approx(math.log(2), abs=0.02)


def test_what_reads_later_tokens_is_refused_before_it_is_matched() -> None:
    """Its errors leave no polynomial of parameters to solve."""
    text = (
        "op leak[D](x: Seq[D]) -> Seq[D] {\n"
        "  m = mean[time](linear[D](x))\n  return linear[D](x) - m\n}\n"
    )
    (result,) = train([Run(text, "leak", "parity.small", parameters=60_000)])
    assert (result.status, result.reason) == ("failed", "causal")
