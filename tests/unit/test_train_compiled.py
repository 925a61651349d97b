"""Training steps through torch.compile."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from asiarch.train import CheckpointError, CompilerError, Corpus, load_checkpoint, train
from asiarch.train.data import Text, corpus

# Of torch itself, when it loads its compiler.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch"
)

SETTINGS: dict[str, Any] = {"steps": 4, "batch": 2, "time": 16, "lr": 1e-2, "seed": 5}


class Bytes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Parameter(torch.linspace(-1, 1, 256 * 8).sin().view(256, 8))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.embed[ids]) @ self.embed.T


@pytest.fixture(scope="module")
def text() -> Corpus:
    return corpus("words", [Text(f"{n}", b"alpha beta gamma\n" * 9) for n in range(30)])


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_the_same_losses(text: Corpus) -> None:
    plain = train(Bytes(), text, **SETTINGS)
    compiled = train(Bytes(), text, compiled=True, **SETTINGS)
    assert compiled.losses == pytest.approx(plain.losses, rel=1e-5)
    assert compiled.held_out == pytest.approx(plain.held_out, rel=1e-5)


def test_the_steps_alone_go_through_it(text: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted compiler counts, and its fault (twice the logits) shows in the losses alone."""
    shapes: list[tuple[int, ...]] = []

    def twice(module: nn.Module, **options: Any) -> Any:
        def forward(ids: torch.Tensor) -> torch.Tensor:
            shapes.append(tuple(ids.shape))
            return 2 * module(ids)

        return forward

    monkeypatch.setattr(torch, "compile", twice)
    plain = train(Bytes(), text, **SETTINGS)
    result = train(Bytes(), text, compiled=True, **SETTINGS)
    assert shapes == [(2, 16)] * 4
    assert result.losses[0] != pytest.approx(plain.losses[0], rel=1e-3)


def test_a_run_resumes_as_it_began(text: Corpus, tmp_path: Any) -> None:
    train(Bytes(), text, out=tmp_path, **SETTINGS)
    assert not load_checkpoint(tmp_path).settings.compiled
    with pytest.raises(CheckpointError, match="compiled"):
        train(Bytes(), text, resume=tmp_path, compiled=True, **SETTINGS)


def test_without_a_compiler(text: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: nn.Module, **options: Any) -> Any:
        def forward(ids: torch.Tensor) -> torch.Tensor:
            raise TorchDynamoException("no g++ here\nmore")

        return forward

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(CompilerError, match=r"no g.. here.*without --compile"):
        train(Bytes(), text, compiled=True, **SETTINGS)
