"""Attention by blocks of queries: memory linear in time, any score that is a function of one block.

It decides how weights become an output. What a score is, and which pairs are admissible, is the
emitted `weigh`; which keys a block meets is `jax_keys`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from .jax_keys import Keys

SINK = False
SOFTMAX = True
STICK = False


def normalise(score: Array, allowed: Array, *sinks: Array) -> Array:
    """The weights of the keys; a query without keys has none.

    Stick-breaking: each key takes sigmoid(score) of what the later ones left. What is left is a
    product of factors below 1; its logs are never taken, nothing is divided by them.
    """
    if SOFTMAX:
        score = jnp.where(allowed, score, -jnp.inf)
        top = jnp.max(score, -1, keepdims=True, initial=-jnp.inf)
        if SINK:
            (sink,) = sinks
            top = jnp.maximum(top, sink)
        top = lax.stop_gradient(jnp.where(jnp.isfinite(top), top, 0))
        weights = jnp.exp(score - top)
        total = weights.sum(-1, keepdims=True)
        if SINK:
            total = total + jnp.exp(sink - top)
        return weights / jnp.where(total != 0, total, 1)
    else:
        if STICK:
            left = jnp.where(allowed, jax.nn.sigmoid(-score), 1)
            taken = jnp.where(allowed, jax.nn.sigmoid(score), 0)
            later = jnp.concatenate([left, jnp.ones_like(left[..., :1])], -1)[..., 1:]
            return taken * jnp.cumprod(later[..., ::-1], -1)[..., ::-1]
        else:
            return jnp.where(allowed, score, 0)


def meet(weigh: Callable[..., Any], keys: Keys, places: Any, parts: Any) -> tuple[Any, Any]:
    """Of one block: the score, values and a sink, and the pairs allowed.

    A key that is none of a query's document stands behind all that the query sees, where no
    condition holds.
    """
    t, j, doc, number = places
    t, j = t[:, :, None], j[:, None]
    real = (j >= 0) & (doc[:, :, None] == number[:, None])
    seen = jnp.where(real, j, t + 1 + keys.ahead)
    score, allowed, *rest = weigh(t, seen, *parts)
    allowed = allowed & real
    allowed = allowed.reshape(len(allowed), *(1,) * (score.ndim - 3), *allowed.shape[1:])
    if keys.keep is not None:
        *rest, worth = rest
        allowed = keys.keep(worth, allowed, j)
    return (score, *rest), allowed


def attend(
    weigh: Callable[..., Any],
    equation: str,
    keys: Keys,
    queries: tuple[Array, ...],
    attended: tuple[Array, ...],
    plain: tuple[Array, ...] = (),
) -> Array:
    """The weighted sums [B, T, ...]; attended streams come from `keys.gather`. What a block makes
    of its pairs is made again for the gradient.
    """
    size, time = keys.size, keys.rows.time
    by_query, by_key = (keys.t, keys.rows.doc, *queries), (keys.j, keys.doc, *attended)

    @jax.checkpoint
    def block(first: Any, by_query: Any, by_key: Any, plain: Any) -> Array:
        def cut(x: Array, place: Any, count: int) -> Array:
            return lax.dynamic_slice_in_dim(x, place, count, 1)

        t, doc, *asked = (cut(x, first, size) for x in by_query)
        place = 0
        if keys.width < keys.count + time:
            place = jnp.maximum(first + keys.count - keys.reach, 0)
        j, number, *found = (cut(x, place, keys.width) for x in by_key)
        terms, allowed = meet(weigh, keys, (t, j, doc, number), (*asked, *found, *plain))
        score, value, *sink = terms
        return jnp.einsum(equation, normalise(score, allowed, *sink), value)

    extra = -time % size if time else size
    padded = [jnp.pad(x, ((0, 0), (0, extra), *((0, 0),) * (x.ndim - 2))) for x in by_query]
    if time <= size:
        return block(0, padded, by_key, plain)[:, :time]
    parts = lax.map(lambda t: block(t, padded, by_key, plain), jnp.arange(0, time, size))
    joined = jnp.moveaxis(parts, 0, 1)
    return joined.reshape(joined.shape[0], -1, *joined.shape[3:])[:, :time]
