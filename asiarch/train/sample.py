"""Text from a byte model: token by token with its state where it has one, else by whole rows.

Drawn as `generate` of transformers draws, so that an exported model writes the same from one seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import nn

from asiarch.train.data import VOCABULARY
from asiarch.train.evaluate import device_of, evaluating

CONTEXT = 512


def sample(
    module: nn.Module,
    prompt: bytes = b"\n",
    *,
    length: int = 256,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> bytes:
    """`length` bytes that follow a prompt of at least one; temperature 0 takes the likeliest."""
    return bytes(
        stream(module, prompt, length=length, temperature=temperature, top_p=top_p, seed=seed)
    )


def stream(
    module: nn.Module,
    prompt: bytes,
    *,
    length: int,
    temperature: float,
    top_p: float,
    seed: int,
) -> Iterator[int]:
    """The same, byte by byte as they are drawn."""
    if not prompt:
        raise ValueError("the prompt needs at least one byte")
    if not (0 <= temperature < math.inf and 0 < top_p <= 1):
        raise ValueError("temperature must be at least 0 and finite, and top_p in (0, 1]")
    generator = torch.Generator().manual_seed(seed)
    reader = _Carrying(module) if hasattr(module, "initial_state") else _Rereading(module)
    logits = reader.read(prompt)
    for count in range(length):
        drawn = choose(logits, temperature, top_p, generator)
        yield drawn
        if count + 1 < length:
            logits = reader.read(bytes([drawn]))


def choose(
    logits: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator
) -> int:
    """One byte from logits `[vocab]`, among the likeliest whose probabilities reach `top_p`.

    Operation for operation what `generate` does with `do_sample` and `top_k=0`, on the CPU.
    """
    logits = logits.float().cpu()
    logits[VOCABULARY:] = -torch.inf
    if temperature < torch.finfo(logits.dtype).tiny:
        return int(logits.argmax())
    if not (logits / temperature).isfinite()[:VOCABULARY].all():
        logits = logits - logits.max()  # the same, where a small temperature would overflow
    logits = logits / temperature
    ordered, order = logits.sort()
    # A byte stays when it and those below it weigh more than 1 - top_p; the last always does.
    left_out = ordered.softmax(-1).cumsum(-1) <= 1 - top_p
    left_out[-1] = False
    logits[order[left_out]] = -torch.inf
    return int(torch.multinomial(logits.softmax(-1), 1, generator=generator))


class _Carrying:
    """Reads the prompt as one row, then carries the state; a byte costs one step."""

    def __init__(self, module: nn.Module) -> None:
        self.module = cast(Any, module)
        self.state: Any = None

    def read(self, content: bytes) -> torch.Tensor:
        ids = torch.tensor([list(content)], device=device_of(self.module))
        with evaluating(self.module):
            logits, self.state = self.module(ids, state=self.state, return_state=True)
        return logits[0, -1]


class _Rereading:
    """Reads the last bytes again for each one more."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.content = b""

    def read(self, content: bytes) -> torch.Tensor:
        self.content = (self.content + content)[-CONTEXT:]
        ids = torch.tensor([list(self.content)], device=device_of(self.module))
        with evaluating(self.module):
            logits: torch.Tensor = self.module(ids)
        return logits[0, -1]
