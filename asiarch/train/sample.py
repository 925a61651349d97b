"""Text from a byte model: token by token with its state where it has one, else by whole rows."""

from __future__ import annotations

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
    if temperature < 0 or not 0 < top_p <= 1:
        raise ValueError("temperature must be at least 0, and top_p in (0, 1]")
    generator = torch.Generator().manual_seed(seed)
    reader = _Stepping(module) if hasattr(module, "step") else _Rereading(module)
    logits = reader.read(prompt)
    for count in range(length):
        drawn = choose(logits, temperature, top_p, generator)
        yield drawn
        if count + 1 < length:
            logits = reader.read(bytes([drawn]))


def choose(
    logits: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator
) -> int:
    """One byte from logits `[vocab]`, among the likeliest whose probabilities reach `top_p`."""
    logits = logits[:VOCABULARY].double().cpu()
    if temperature == 0:
        return int(logits.argmax())
    probability, order = torch.softmax(logits / temperature, 0).sort(descending=True, stable=True)
    # A byte stays when those before it fall short of top_p; the first always does.
    probability[probability.cumsum(0) - probability >= top_p] = 0
    return int(order[torch.multinomial(probability, 1, generator=generator)])


class _Stepping:
    """Carries the module's state; a byte costs one step whatever came before."""

    def __init__(self, module: nn.Module) -> None:
        self.module = cast(Any, module)
        self.state = self.module.initial_state(1)

    def read(self, content: bytes) -> torch.Tensor:
        logits = torch.empty(1, 0)
        with evaluating(self.module):
            for byte in content:
                ids = torch.tensor([byte], device=device_of(self.module))
                logits, self.state = self.module.step(ids, state=self.state)
        return logits[0]


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
