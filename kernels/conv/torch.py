"""Depthwise causal convolution: y[t] = sum_i taps[i] x[t - (n - 1 - i) dilation]."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..delay.past import Past
from ..rows.torch import Rows


class Conv(torch.autograd.Function):
    """x [B, L + (n - 1) dilation, ...] -> [B, L, ...]; saves its operands alone."""

    @staticmethod
    def forward(x: Tensor, taps: Tensor, dilation: int) -> Tensor:
        length = x.shape[1] - (len(taps) - 1) * dilation
        y = taps[0] * x[:, :length]
        for i in range(1, len(taps)):
            y = torch.addcmul(y, taps[i], x[:, i * dilation : i * dilation + length])
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, taps, ctx.dilation = inputs
        ctx.save_for_backward(x, taps)

    @staticmethod
    def backward(ctx: Any, d_y: Tensor) -> tuple[Tensor, Tensor, None]:
        (x, taps), length = ctx.saved_tensors, d_y.shape[1]
        d_x, d_taps = torch.zeros_like(x), []
        for i, tap in enumerate(taps):
            part = slice(i * ctx.dilation, i * ctx.dilation + length)
            d_x[:, part].addcmul_(tap, d_y)
            d_taps.append((x[:, part] * d_y).sum((0, 1)))
        return d_x, torch.stack(d_taps), None


def conv(
    x: Tensor, taps: Tensor, dilation: int, tail: Tensor | None, rows: Rows
) -> tuple[Tensor, Tensor]:
    """x [B, T, ...], taps [n, ...]; also the tail that the next tokens need [N, (n-1) dilation,
    ...].
    """
    past = Past(x, (len(taps) - 1) * dilation, tail, rows)
    y = Conv.apply(past.x, taps, dilation)
    return (y[:, past.slot - past.count] if rows.packed else y), past.tail()
