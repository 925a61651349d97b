"""N factors of a token as N tokens: S_t = F_N(... F_1(S_{t-1}))."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from ..rows.jax import Rows


def interleave(*factors: Array) -> Array:
    """[B, T, ...] of each factor -> [B, N T, ...]."""
    stacked = jnp.stack(factors, 2)
    return stacked.reshape(stacked.shape[0], -1, *stacked.shape[3:])


def at_factor(x: Array, count: int, index: int) -> Array:
    """x at one of `count` factors, 0 at the others."""
    zero = jnp.zeros_like(x)
    return interleave(*(x if n == index else zero for n in range(count)))


def substeps(rows: Rows, count: int) -> Rows:
    """The same documents with `count` steps for each token."""
    ids = jnp.repeat(rows.doc, count, 1) if rows.packed else None
    return Rows(jnp.empty((rows.count, rows.time * count)), ids)
