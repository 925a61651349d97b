"""Delays and windows of a stream, inside each document."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..rows.jax import Rows
from .jax_past import Past


def delay(x: Array, steps: int, tail: Any, rows: Rows) -> tuple[Array, Array]:
    """x[t - steps] of x [B, T, ...], and the tail that the next tokens need [B, steps, ...]."""
    past = Past(x, steps, tail, rows)
    return past.take(steps), past.tail()


def window(x: Array, n: int, dilation: int, tail: Any, rows: Rows) -> tuple[Array, Array]:
    """[B, T, n, ...]: entry i is x[t - (n - 1 - i) * dilation]; and the next tail."""
    past = Past(x, (n - 1) * dilation, tail, rows)
    return jnp.stack([past.take((n - 1 - i) * dilation) for i in range(n)], 2), past.tail()
