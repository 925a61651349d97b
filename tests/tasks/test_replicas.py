"""Several runs as one module: each replica is the run alone."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.replicate import AXIS, Unreplicable, replicated
from asiarch.ir.verify import verify
from asiarch.train.tasks import TASKS, Hosted, Result, Run, train
from asiarch.train.tasks.build import Built, build
from asiarch.train.tasks.learner import Learner

from .mixers import PANEL, text

NAMES = re.findall(r"^op (\w+_mixer)", PANEL, re.MULTILINE)
CHOICE = ("softmax_mixer", "scalar_mixer", "delta_mixer", "conv_mixer")
RUN = Run(text("delta_mixer"), "delta_mixer", "copy.small", steps=6, batch=4)


def built(name: str, encodes: bool = False) -> Built:
    return build(Hosted(text(name), name, "conv", 16, encodes=encodes))


@pytest.mark.parametrize("name", NAMES)
def test_the_function_is_valid(name: str) -> None:
    for function in built(name, encodes=name == "delta_mixer").functions:
        several = replicated(function, 3)
        assert verify(several) == []
        assert all(AXIS in p.axes for p in flatten(several).params)
        assert [p.path for p in flatten(several).params] == [
            p.path for p in flatten(function).params
        ]


@pytest.mark.parametrize("name", CHOICE)
def test_a_replica_computes_what_the_module_does(name: str) -> None:
    """To the last bit, where products of a batch are computed as products alone are."""
    network = built(name)
    several = network.replicas([0, 1, 2])
    ids = torch.from_numpy(TASKS["copy.small"].testing(rows=6).ids).view(2, 32, 3)
    together = several(ids)
    for place in range(3):
        alone = network.predictor(place)(ids[:, :, place])
        torch.testing.assert_close(together[:, :, place], alone, rtol=1e-5, atol=1e-6)


def test_the_reference_means_the_same() -> None:
    """The token loop of the replicated function, against the one of the function itself."""
    function = built("delta2_mixer").functions[0]
    several = flatten(replicated(function, 2))
    predictors = [built("delta2_mixer").predictor(seed) for seed in (0, 1)]
    values = [
        {k.removeprefix("model."): v.double().numpy() for k, v in p.state_dict().items()}
        for p in predictors
    ]
    stacked = {
        p.path: np.stack([v[p.path] for v in values], p.axes.index(AXIS)) for p in several.params
    }
    ids = TASKS["copy.small"].testing(rows=4).ids[:, :12].reshape(2, 12, 2)
    together = Reference(several, stacked)(ids)
    for place in range(2):
        alone = Reference(flatten(function), values[place])(ids[:, :, place])
        np.testing.assert_allclose(together[:, :, place], alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CHOICE)
def test_replicas_do_not_touch_each_other(name: str) -> None:
    """A planted infinity in one of them is seen in none of the others."""
    predictor = built(name).replicas([0, 1, 2])
    ids = torch.from_numpy(TASKS["copy.small"].testing(rows=3).ids)[:, :, None].expand(-1, -1, 3)
    before = predictor(ids).detach()
    with torch.no_grad():
        for path, parameter in predictor.named_parameters():
            parameter.movedim(predictor.places[path], 0)[1].fill_(torch.inf)
    after = predictor(ids).detach()
    assert torch.equal(before[:, :, [0, 2]], after[:, :, [0, 2]])
    assert not after[:, :, 1].isfinite().all()


def close(a: Result, b: Result, tolerance: float) -> bool:
    pairs = [(a.auc, b.auc), (a.final_loss, b.final_loss), *zip(a.curve, b.curve, strict=True)]
    return all(x is not None and y is not None and abs(x - y) < tolerance for x, y in pairs)


@pytest.mark.parametrize("task", ["copy.small", "compression.small"])
def test_runs_together_are_the_runs_alone(task: str) -> None:
    """After a few steps to the rounding of float32; training makes rounding grow after that."""
    run = replace(RUN, task=task)
    runs = [replace(run, seed=s, learning_rate=lr) for s in (0, 1) for lr in (1e-3, 1e-2)]
    together = train(runs, together=True)
    alone = train(runs, together=False)
    assert [r.replicas for r in together] == [4] * 4
    assert [r.replicas for r in alone] == [1] * 4
    for a, b in zip(together, alone, strict=True):
        assert close(a, b, 1e-4)
        assert (a.parameters, a.state_floats) == (b.parameters, b.state_floats)
    assert not close(together[0], alone[1], 1e-4)
    assert not close(together[0], alone[2], 1e-4)


def test_a_dead_replica_leaves_the_rest_alone() -> None:
    runs = [RUN, replace(RUN, learning_rate=1e30), replace(RUN, seed=1)]
    first, dead, last = train(runs, together=True)
    assert (dead.status, dead.reason, dead.steps) == ("failed", "nan", 2)
    for run, result in ((runs[0], first), (runs[2], last)):
        assert close(result, train([run], together=True)[0], 1e-4)
        assert result.final_loss is not None
        assert math.isfinite(result.final_loss)


def test_each_is_clipped_by_its_own_norm() -> None:
    """One with huge gradients does not slow the other, as clipping both at once would."""
    network, task = built("delta_mixer"), TASKS["copy.small"]
    learner = Learner(network, task, [RUN, replace(RUN, seed=1)], 6, 4, together=True)
    alone = Learner(network, task, [RUN], 6, 4, together=True)
    with torch.no_grad():
        output = dict(learner.predictor.named_parameters())["model.out.unembed.out.linear"]
        output[1] *= 1e4
    for step in range(3):
        learner.step(step)
        alone.step(step)
    torch.testing.assert_close(learner.adam.weights[:1], alone.adam.weights)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return dropout[0.1](x)", "dropout"),
        ("loss x * x\n  return x", "loss terms"),
        ("return x * sum[replica](expand[replica](x))", "axis"),
    ],
)
def test_what_is_not_one_per_replica_is_refused(body: str, says: str) -> None:
    source = f"op m[D, replica = 3](x: Seq[D]) -> Seq[D] where causal {{\n  {body}\n}}"
    if says != "axis":
        source = source.replace(", replica = 3", "")
    with pytest.raises(Unreplicable, match=says):
        replicated(elaborate(source, "m", {"D": 4}), 2)


def test_what_is_refused_is_trained_alone() -> None:
    source = "op m[D](x: Seq[D]) -> Seq[D] where causal { return dropout[0.1](x) }"
    runs = [replace(RUN, text=source, op="m", seed=s, steps=2) for s in (0, 1)]
    assert [r.replicas for r in train(runs)] == [1, 1]
