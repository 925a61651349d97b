"""Leaves for oracles: numbers as the operators meet them, all from one generator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asiarch.laws.oracles.oracle import Draw, Leaf


def _normal(generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def normal(*axes: str) -> Leaf:
    return Leaf(axes, _normal)


def unit(*axes: str) -> Leaf:
    """Vectors of length 1 along the last axis."""
    return Leaf(axes, lambda g, s: F.normalize(_normal(g, s), dim=-1))


def log_decay(*axes: str) -> Leaf:
    """Logarithms of numbers in (0, 1), mostly near 1."""
    return Leaf(axes, lambda g, s: F.logsigmoid(_normal(g, s) + 2))


def rate(*axes: str) -> Leaf:
    """Numbers in (0, 1)."""
    return Leaf(axes, lambda g, s: torch.sigmoid(_normal(g, s)))


def positive(*axes: str) -> Leaf:
    """Numbers in (0, 2), mostly near 0.7."""
    return Leaf(axes, lambda g, s: F.softplus(0.5 * _normal(g, s)).clamp(max=2))


def once(leaf: Leaf) -> Leaf:
    """The same for all rows and tokens: a weight."""
    return Leaf(leaf.axes, leaf.draw, timed=False)


def drawn(draw: Draw, *axes: str) -> Leaf:
    """Numbers of the caller's own."""
    return Leaf(axes, draw)
