"""What a token reads of its own write."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def own_scores(q: Array, k: Array) -> Array:
    """[..., C, K] -> [..., C, C]: q_i' k_i on the diagonal."""
    return (q * k).sum(-1)[..., None] * jnp.eye(q.shape[-2], dtype=q.dtype)
