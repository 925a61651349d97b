"""Depthwise causal convolution: y[t] = sum_i taps[i] x[t - (n - 1 - i) dilation]."""

from __future__ import annotations

from typing import Any

from jax import Array

from ..delay.jax_past import Past
from ..rows.jax import Rows


def conv(x: Array, taps: Array, dilation: int, tail: Any, rows: Rows) -> tuple[Array, Array]:
    """x [B, T, ...], taps [n, ...]; also the tail that the next tokens need [B, (n-1) dilation,
    ...].
    """
    reach = (len(taps) - 1) * dilation
    past = Past(x, reach, tail, rows)
    y = taps[0] * past.take(reach)
    for i in range(1, len(taps)):
        y = y + taps[i] * past.take(reach - i * dilation)
    return y, past.tail()
