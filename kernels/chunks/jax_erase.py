"""The recurrence whose erase term shares the write direction."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from .jax import Chunks
from .jax_solve import solve_chunks


def erase_chunks(chunks: Chunks, terms: Any, v: Array, state: Any) -> tuple[Array, Array]:
    """S_t = D_t S_{t-1} + k_t y_t', y_t = v_t - R_t' w_t. In a chunk from S, with its terms,

    (I + lower) Y = V - w S        O = scores Y + q S        S' = total S + k' Y
    """
    scores, lower, q, w, k, total = terms
    q, w, k, total = chunks.reads(q), chunks.reads(w), chunks.writes(k), chunks.total(total)
    value = chunks.split(v)
    both = solve_chunks(chunks.scores(lower), jnp.concatenate([value, -w], -1))
    u, w = both[..., : value.shape[-1]], both[..., value.shape[-1] :]
    shape = (*k.shape[1:3], k.shape[-1], value.shape[-1])
    last, before = chunks.walk(
        lambda u, w, k, t, s: t * s + k @ (u + w @ s), state, shape, u, w, k.mT, total
    )
    return chunks.join(chunks.scores(scores) @ (u + w @ before) + q @ before, v), last
