"""Data for laws: replacements of tokens, and the inputs that numerics get wrong.

Nothing here is NaN or infinite except a log-gate of -inf: 0 * NaN would flag correct code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

MAGNITUDES = (1.0, 1e-3, 1e4)
"""Sizes of replaced tokens: leaks through maxima, norms and top-k depend on the value."""

HARD_LENGTHS = (1, 15, 63, 64, 65)
ODD_SIZES = (1, 3, 5, 7, 12, 33)
LOG_GATES = (0.0, -1e-3, -5.0, -20.0, -80.0, -math.inf)


def cuts(time: int, chunk: int | None = None) -> tuple[int, ...]:
    """Prefix lengths 1 <= p < time: around the ends and around chunk boundaries.

    chunk: the size C gives 1, C-1, C, C+1, 2C-1, T-1; None stands for 16 and 64.
    """
    wanted = {1, time // 2, time - 1}
    for size in (chunk,) if chunk else (16, 64):
        wanted |= {size - 1, size, size + 1, 2 * size - 1}
    return tuple(sorted(p for p in wanted if 1 <= p < time))


def replaced(x: Tensor, tokens: slice, magnitude: float, generator: torch.Generator) -> Tensor:
    """x [batch, time, ...] with those tokens drawn anew; ids from the range that x has."""
    changed = x.clone()
    target = changed[:, tokens]
    if x.is_floating_point():
        fresh = torch.randn(target.shape, generator=generator, dtype=torch.float64) * magnitude
        target.copy_(fresh)
    elif x.dtype == torch.bool:
        target.logical_not_()
    else:
        span = max(int(x.max()) + 1, 2)
        shift = torch.randint(1, span, target.shape, generator=generator)
        target.copy_((target + shift) % span)
    return changed


def draw(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal float32."""
    return torch.randn(tuple(shape), generator=generator)


def identical_keys(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Unit keys [batch, time, ..., d], the same for all tokens: the worst system to solve."""
    key = draw((shape[0], 1, *shape[2:]), generator)
    return _unit(key).expand(tuple(shape)).contiguous()


def correlated_keys(
    shape: Sequence[int], generator: torch.Generator, correlation: float = 0.9
) -> Tensor:
    """Unit keys whose pairs have about the given cosine."""
    common = identical_keys(shape, generator)
    noise = _unit(draw(shape, generator))
    return _unit(math.sqrt(correlation) * common + math.sqrt(1 - correlation) * noise)


def _unit(x: Tensor) -> Tensor:
    return torch.nn.functional.normalize(x, dim=-1)


def log_gates(shape: Sequence[int], generator: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """Named log-decays: each of LOG_GATES everywhere, then all of them at random."""
    for value in LOG_GATES:
        yield f"log-gate {value:g}", torch.full(tuple(shape), value)
    table = torch.tensor(LOG_GATES)
    chosen = torch.randint(0, len(LOG_GATES), tuple(shape), generator=generator)
    yield "mixed log-gates", table[chosen]


def strided(x: Tensor) -> Tensor:
    """The same values in memory with gaps and swapped strides: no axis is contiguous."""
    wide = torch.zeros((*x.shape, 2), dtype=x.dtype).transpose(0, 1).contiguous()
    view = wide.transpose(0, 1)[..., 1]
    view.copy_(x)
    return view
