"""Unit lower-triangular systems, by substitution; no power series."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax


def solve_chunks(lower: Array, x: Array) -> Array:
    """(I + lower)^-1 x of [..., C, C] read below the diagonal, and [..., C, V]."""
    lower = jnp.broadcast_to(lower, (*x.shape[:-1], x.shape[-2]))
    return lax.linalg.triangular_solve(lower, x, left_side=True, lower=True, unit_diagonal=True)
