"""What several oracles share: the usual streams, and layouts of the references."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from asiarch.laws.oracles.draws import normal, rate, unit
from asiarch.laws.oracles.oracle import Leaves

SIZES = {"H": 2, "K": 4, "V": 3}
SQUARE = {"H": 2, "K": 4, "V": 4}
QKV = {"q": normal("H", "K"), "k": normal("H", "K"), "v": normal("H", "V")}
DELTA = {**QKV, "k": unit("H", "K"), "b": rate("H")}
"""Unit keys and rates in (0, 1), as layers with an erase term make them."""


def heads_first(*xs: Tensor) -> list[Tensor]:
    """[batch, time, heads, ...] as [batch, heads, time, ...], and back."""
    return [x.transpose(1, 2) for x in xs]


def scaled(q: Tensor) -> Tensor:
    """Queries by width ** -0.5, which most references do themselves."""
    return q * q.shape[-1] ** -0.5


def qkv(x: Leaves) -> list[Tensor]:
    """Scaled queries, keys and values."""
    return [scaled(x.q), x.k, x.v]


def first(result: Any) -> Tensor:
    """A reference's output, beside which it gives its final state."""
    return result[0]


def same(x: Tensor) -> Tensor:
    """In the place of a module's projection, norm or activation."""
    return x
