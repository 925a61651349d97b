"""Linear recurrences of single entries by a scan of pairs: products alone, any sign."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax


def scanned(a: Array, x: Array, axis: int = 1) -> Any:
    """y_i = a_i y_{i-1} + x_i from zero, and a_1 ... a_i."""

    def after(first: Any, second: Any) -> Any:
        (c, y), (a, x) = first, second
        return c * a, a * y + x

    products, steps = lax.associative_scan(after, (a, x), axis=axis)
    return steps, products


def begun_anew(a: Array, x: Array, begins: Any, start: Any) -> tuple[Array, Array]:
    """A recurrence that begins from `start` where a document does: there a is 0 and x what it adds
    to the decayed start.
    """
    if begins is None:
        return a, x
    begins = begins.reshape(*begins.shape, *(1,) * (x.ndim - begins.ndim))
    if start is not None:
        x = jnp.where(begins, x + a * start, x)
    return jnp.where(begins, 0, a), x
