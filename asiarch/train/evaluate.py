"""Measures a module on bytes: bits per byte, and the size of the state that decoding carries."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from asiarch.train.data import VOCABULARY
from asiarch.train.errors import ModelError

TOKENS_AT_ONCE = 4096


def bits_per_byte(module: nn.Module, windows: torch.Tensor) -> float:
    """Mean of -log2 p of windows' bytes but each one's first; windows int64 `[count, time + 1]`."""
    device = device_of(module)
    time = windows.shape[1] - 1
    total = 0.0
    with evaluating(module):
        size = max(1, TOKENS_AT_ONCE // time)
        for first in range(0, len(windows), size):
            ids = windows[first : first + size].to(device)
            total += float(cross_entropy(module(ids[:, :-1]), ids[:, 1:]).double()) * len(ids)
    return total / len(windows) / math.log(2)


def cross_entropy(logits: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
    """Mean nats of following ids `[batch, time]` under logits `[batch, time, vocab]`."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), following.flatten())


def state_floats(module: nn.Module, time: int) -> int | None:
    """Numbers in the state after `time` tokens, per row; None for a module without states."""
    if not hasattr(module, "initial_state"):
        return None
    with evaluating(module):
        ids = torch.zeros(1, time, dtype=torch.int64, device=device_of(module))
        _, state = module(ids, return_state=True)
    return sum(value.numel() for value in _leaves(state) if value.is_floating_point())


def parameter_count(module: nn.Module) -> int:
    """Numbers that training changes; a tied parameter counts once."""
    return sum(value.numel() for value in module.parameters() if value.requires_grad)


def check_model(module: nn.Module) -> None:
    """Raises `ModelError` unless the module maps byte ids to at least 256 logits each, and, where
    it knows its own ledger, reads no later byte.
    """
    if parameter_count(module) == 0:
        raise ModelError("the model has no parameters to train")
    ledger: Any = getattr(module, "report", None)
    if ledger is not None and not ledger.causal:
        why = getattr(module, "why_no_state", "the model reads later bytes")
        raise ModelError(f"{why}; its bits per byte would be read from the byte that is to be told")
    ids = torch.tensor([[0, VOCABULARY - 1]], device=device_of(module))
    try:
        with evaluating(module):
            logits = module(ids)
    except IndexError as error:
        raise ModelError(
            f"the model cannot read byte {VOCABULARY - 1}; "
            f"compile it with its vocabulary at {VOCABULARY} (`-D vocab={VOCABULARY}`)"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 3 or logits.shape[:2] != ids.shape:
        shape = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ModelError(f"ids [1, 2] must give logits [1, 2, vocab]; the model gave {shape}")
    if logits.shape[2] < VOCABULARY:
        raise ModelError(
            f"the model gives {logits.shape[2]} logits; bytes need {VOCABULARY} "
            f"(`-D vocab={VOCABULARY}`)"
        )


def device_of(module: nn.Module) -> torch.device:
    """Where the first parameter lies."""
    return next((value.device for value in module.parameters()), torch.device("cpu"))


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Evaluation mode without gradients; the mode before comes back."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


def _leaves(state: Any) -> Iterator[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, Mapping):
        for value in cast(Mapping[str, Any], state).values():
            yield from _leaves(value)
    elif isinstance(state, Sequence) and not isinstance(state, str):
        for value in cast(Sequence[Any], state):
            yield from _leaves(value)
