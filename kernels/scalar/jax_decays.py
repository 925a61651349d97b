"""Products of scalar decays between two tokens of a chunk: no logarithm, no division, any decay."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def scalar_decays(a: Array) -> Array:
    """[..., C] -> [..., C, C], D_ij = a_{j+1} ... a_i for j <= i, else 0: right where a is 0."""
    ones = jnp.ones((a.shape[-1], a.shape[-1]), a.dtype)
    steps = jnp.where(jnp.tril(ones, -1) > 0, a[..., None], 1)
    return jnp.tril(jnp.cumprod(steps, -2))


def token_before(x: Array, first: float) -> Array:
    """x [..., C, W] of the token before; of the first token a number."""
    return jnp.concatenate([jnp.full_like(x[..., :1, :], first), x[..., :-1, :]], -2)
