"""Sampling: the same bytes by steps as by rereading, and the policies do what they say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asiarch.train import sample
from asiarch.train.sample import choose


class Rereading(nn.Module):
    """Logits from a decayed sum of embeddings, over whole rows."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embed = nn.Parameter(torch.randn(256, 16, generator=generator, dtype=torch.float64))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        state, rows = torch.zeros(len(ids), 16, dtype=torch.float64), []
        for t in range(ids.shape[1]):
            state = 0.5 * state + self.embed[ids[:, t]]
            rows.append(state @ self.embed.T)
        return torch.stack(rows, 1)


class Carrying(nn.Module):
    """The same, from a state on."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = Rereading().embed

    def initial_state(self, batch: int) -> torch.Tensor:
        return torch.zeros(batch, 16, dtype=torch.float64)

    def forward(
        self, ids: torch.Tensor, state: torch.Tensor | None = None, return_state: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        assert return_state
        state, rows = self.initial_state(len(ids)) if state is None else state, []
        for t in range(ids.shape[1]):
            state = 0.5 * state + self.embed[ids[:, t]]
            rows.append(state @ self.embed.T)
        return torch.stack(rows, 1), state


@pytest.mark.parametrize("temperature", [float("nan"), float("inf"), -1.0])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be"):
        sample(Rereading(), b"a", length=2, temperature=temperature)


def test_a_tiny_temperature_takes_the_likeliest() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([0.5, 3.0, -1.0] + [0.0] * 253)
    assert choose(logits, 1e-300, 0.9, generator) == 1
    assert choose(logits, 1e-42, 0.9, generator) == 1
    assert choose(logits * 1e3, 1e-37, 0.9, generator) == 1


@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_carrying_a_state_and_rereading_give_the_same_bytes(temperature: float) -> None:
    texts = [
        sample(module, b"abc", length=60, temperature=temperature, seed=4)
        for module in (Rereading(), Carrying())
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 60


def test_the_seed_decides() -> None:
    texts = [sample(Carrying(), length=60, temperature=5.0, seed=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_sampling_leaves_training_mode_alone() -> None:
    module = Carrying().train()
    sample(module, length=2)
    assert module.training


def draws(temperature: float, top_p: float) -> set[int]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    return {choose(logits, temperature, top_p, generator) for _ in range(400)}


def test_top_p_keeps_the_likeliest_that_reach_it() -> None:
    assert draws(1.0, 1.0) == {0, 1, 2, 3}
    assert draws(1.0, 0.79) == {0, 1}
    assert draws(1.0, 0.81) == {0, 1, 2}
    assert draws(1.0, 0.01) == {0}
    assert draws(0.0, 1.0) == {0}


def test_only_bytes_are_drawn_from_a_larger_vocabulary() -> None:
    logits = torch.zeros(300)
    logits[299] = 50.0
    generator = torch.Generator().manual_seed(0)
    assert all(choose(logits, 1.0, 1.0, generator) < 256 for _ in range(50))


@pytest.mark.parametrize(
    "wrong", [{"prompt": b""}, {"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.5}]
)
def test_wrong_settings_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"prompt|temperature"):
        sample(Carrying(), **wrong)  # pyright: ignore
