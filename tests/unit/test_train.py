"""The trainer learns, repeats itself, resumes exactly, and says what went wrong."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from asiarch.train import (
    CheckpointError,
    Corpus,
    DivergedError,
    ModelError,
    Result,
    load_checkpoint,
    train,
)
from asiarch.train.data import Text, corpus
from asiarch.train.evaluate import parameter_count, state_floats
from asiarch.train.optimizer import build, learning_rate
from asiarch.train.progress import Silent, Step


class ByteModel(nn.Module):
    """A causal mean of embeddings under a two-layer map, with dropout and tied weights."""

    def __init__(self, vocab: int = 256, width: int = 24, dropout: float = 0.1) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.embed = nn.Parameter(0.3 * torch.randn(vocab, width, generator=generator))
        self.mix = nn.Parameter(0.2 * torch.randn(width, width, generator=generator))
        self.bias = nn.Parameter(torch.zeros(width))
        self.tied = self.embed
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed[ids]
        earlier = nn.functional.pad(x[:, :-1], (0, 0, 1, 0))
        x = x + torch.tanh(self.dropout(x + earlier) @ self.mix + self.bias)
        return x @ self.tied.T


@pytest.fixture(scope="module")
def text() -> Corpus:
    words = [b"alpha beta gamma delta\n", b"one two three four\n", b"while true do nothing\n"]
    files = [Text(f"{n}", b"".join(words[(n + m) % 3] for m in range(20))) for n in range(30)]
    return corpus("words", files)


Fit = Callable[..., tuple[ByteModel, Result]]


@pytest.fixture
def fit(text: Corpus) -> Fit:
    def run(**changes: object) -> tuple[ByteModel, Result]:
        module = ByteModel()
        settings = {"steps": 12, "batch": 4, "time": 32, "lr": 1e-2, "seed": 5} | changes
        return module, train(module, text, **settings)  # pyright: ignore

    return run


class StopAt(Silent):
    """Presses Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.at = step
        self.notes: list[str] = []

    def step(self, step: Step) -> None:
        if step.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        self.notes.append(text)


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach() for name, value in module.named_parameters()}


def same(one: nn.Module, other: nn.Module) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_training_learns(fit: Fit) -> None:
    _, result = fit(steps=80)
    assert result.losses[0] > 7
    assert result.held_out < 3
    assert result.step == 80
    assert not result.interrupted
    assert result.parameters == 256 * 24 + 24 * 24 + 24


def test_an_equal_seed_gives_an_equal_run_and_another_does_not(fit: Fit) -> None:
    one, first = fit()
    torch.rand(5)
    other, second = fit()
    different, third = fit(seed=6)
    assert same(one, other)
    assert first.losses == second.losses
    assert first.held_out == second.held_out
    assert not same(one, different)
    assert first.losses != third.losses


@pytest.mark.parametrize("stop", [1, 5, 11])
def test_an_interrupted_run_resumes_bit_for_bit(fit: Fit, tmp_path: Path, stop: int) -> None:
    whole, expected = fit(out=tmp_path / "whole")
    progress = StopAt(stop)
    half, first = fit(out=tmp_path / "run", progress=progress, meta={"spec": "model"})
    assert first.interrupted
    assert first.step == stop
    assert f"--resume {tmp_path / 'run'}" in progress.notes[-1]
    assert not same(whole, half)
    resumed, second = fit(resume=tmp_path / "run")
    assert same(whole, resumed)
    assert first.losses + second.losses == expected.losses
    assert second.held_out == expected.held_out
    stored = [load_checkpoint(tmp_path / name) for name in ("whole", "run")]
    assert stored[1].meta == {"spec": "model"}
    assert stored[0].moments.keys() == stored[1].moments.keys()
    assert all(torch.equal(stored[0].moments[n], stored[1].moments[n]) for n in stored[0].moments)


def test_resuming_without_the_moments_would_be_seen(fit: Fit, tmp_path: Path) -> None:
    whole, _ = fit()
    fit(out=tmp_path, progress=StopAt(5))
    found = load_checkpoint(tmp_path)
    for value in found.moments.values():
        if value.ndim:
            value.zero_()
    from asiarch.train import checkpoint

    checkpoint.save(tmp_path, found)
    resumed, _ = fit(resume=tmp_path)
    assert not same(whole, resumed)


def test_a_finished_run_resumes_to_itself(fit: Fit, tmp_path: Path) -> None:
    whole, first = fit(out=tmp_path)
    again, second = fit(resume=tmp_path)
    assert same(whole, again)
    assert second.losses == ()
    assert second.held_out == first.held_out


def test_ctrl_c_is_as_before_after_training(fit: Fit) -> None:
    before = signal.getsignal(signal.SIGINT)
    _, result = fit(progress=StopAt(3))
    assert result.checkpoint is None
    assert result.interrupted
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("change", [{"lr": 2e-2}, {"seed": 1}, {"steps": 13}, {"time": 16}])
def test_resuming_with_other_settings_is_refused(
    fit: Fit, tmp_path: Path, change: dict[str, float]
) -> None:
    fit(out=tmp_path, progress=StopAt(3))
    with pytest.raises(CheckpointError, match=f"trained with {next(iter(change))} = "):
        fit(resume=tmp_path, **change)


def test_resuming_another_model_is_refused(fit: Fit, tmp_path: Path, text: Corpus) -> None:
    fit(out=tmp_path, progress=StopAt(3))
    with pytest.raises(CheckpointError, match=r"embed is \[256, 24\] in the checkpoint, \[256, 16"):
        train(
            ByteModel(width=16), text, steps=12, batch=4, time=32, lr=1e-2, seed=5, resume=tmp_path
        )


def test_divergence_is_named(fit: Fit, text: Corpus) -> None:
    module = ByteModel()
    with torch.no_grad():
        module.bias[3] = math.nan
    with pytest.raises(DivergedError, match=r"step 1 of 4.*loss is nan.*not finite: embed"):
        train(module, text, steps=4, batch=2, time=16)


def test_a_gradient_that_is_not_finite_stops_before_the_update(text: Corpus) -> None:
    class Root(ByteModel):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return super().forward(ids) + self.bias.sum().abs().sqrt()

    module = Root()
    before = {name: value.clone() for name, value in weights(module).items()}
    with pytest.raises(DivergedError, match="not finite: bias"):
        train(module, text, steps=4, batch=2, time=16)
    assert all(torch.equal(before[name], value) for name, value in weights(module).items())


def test_a_small_vocabulary_is_named(text: Corpus) -> None:
    with pytest.raises(ModelError, match="vocab=256"):
        train(ByteModel(vocab=32), text, steps=1)


def test_a_module_of_another_shape_is_named(text: Corpus) -> None:
    class Pooled(ByteModel):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return super().forward(ids).mean(1)

    with pytest.raises(ModelError, match=r"the model gave \[1, 256\]"):
        train(Pooled(), text, steps=1)


@pytest.mark.parametrize("change", [{"steps": 0}, {"lr": math.nan}, {"batch": -1}])
def test_settings_that_are_not_positive_are_named(fit: Fit, change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be positive"):
        fit(**change)


def test_only_matrices_decay() -> None:
    module = ByteModel()
    decays = {
        id(parameter): group["weight_decay"]
        for group in build(module, 1e-3).param_groups
        for parameter in group["params"]
    }
    assert decays[id(module.embed)] == decays[id(module.mix)] > 0
    assert decays[id(module.bias)] == 0
    assert len(decays) == 3


def test_the_learning_rate_warms_up_and_ends_at_a_tenth() -> None:
    rates = [learning_rate(1.0, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)
    assert learning_rate(1.0, 0, 1) == pytest.approx(1.0)


def test_state_floats_counts_what_forward_returns() -> None:
    class Stateful(ByteModel):
        def initial_state(self, batch: int) -> dict[str, torch.Tensor]:
            return {"S": torch.zeros(batch, 2, 3)}

        def forward(self, ids: torch.Tensor, return_state: bool = False) -> object:
            return super().forward(ids), {
                "S": torch.zeros(len(ids), 2, 3),
                "t": ids.sum(),
                "cache": [torch.zeros(len(ids), ids.shape[1], 4)],
            }

    assert state_floats(Stateful(), 10) == 6 + 40
    assert state_floats(ByteModel(), 10) is None


def test_a_tied_parameter_counts_once() -> None:
    assert parameter_count(ByteModel(width=2)) == 512 + 4 + 2
