"""Every tolerance of the project: how far two computations of one function may differ.

Exactness is decided in the ring, where nothing is tolerated; the numbers here say what rounding may
do. A row is one token of one batch row (all axes after batch and time); its maximum is not taken
below `ROW_FLOOR` of the batch row's, so that a token whose output happens to cancel is not held to
digits that no order of summation has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EXACT = 0.0
"""In the ring nothing is tolerated."""

FLOAT64 = 1e-12
"""Of the row's maximum: any form of a function in float64 against its token loop in float64."""

LOOP_FACTOR = 16.0
LOOP_EPSILONS = 4.0
"""Below float64: a form may err 16 times what a token loop in the same precision errs in that row,
plus 4 epsilons of the row's maximum, both measured from float64."""

UNDAMPED_FACTOR = 32.0
"""In place of 16 where nothing decays and an erase term reflects (rate 2) or projects: there a loop
rounds next to nothing, and any solved form, LAPACK's substitution too, was seen to err 31 times as
much as the loop's worst row."""

ANOTHERS = {torch.float64: 1e-12, torch.float32: 2e-5}
"""Of the largest value: outputs and gradients beside somebody else's code for the same operator,
by the precision in which that computes."""

ASI_ARCH = 2e-5
"""Of the largest output, in float64: published programs of the ASI-Arch gallery, whose lengths of
vectors have no 1e-6 under the root."""

SAME_CODE = {
    torch.float64: FLOAT64,
    torch.float32: 2e-5,
    torch.bfloat16: 5e-2,
    torch.float16: 1e-2,
}
"""Of the row's maximum, by the lowest precision inside: one module run on other shapes (a shorter
row, a smaller batch, a stream in parts), where there is no loop to compare with."""

ROW_FLOOR = 1e-3

SHRINKS = 1e-6
"""What a stranger's module computes over the whole length at once (an FFT) may differ in bits where
it differs in rounding alone: in float64 by less than this part of its float32 difference."""

ROUNDING = 64.0
"""The same where float64 cannot be had: epsilons of the largest value of the batch row."""

MEMORY_FACTOR = 1.5
"""Bytes held between forward and backward, in units of inputs and outputs, without chunk states."""

LINEAR_GROWTH = 2.25
"""Growth of held bytes when T doubles that still counts as linear."""

LOOP_SHARE = 0.25
"""Operators dispatched for T tokens, in units of T, from which on a module counts as looping."""


@dataclass(frozen=True, slots=True)
class Error:
    """The worst place of a comparison: ratio = error over what is allowed, at [batch, time]."""

    ratio: float
    difference: float
    row: int
    token: int


def row_maximum(x: Tensor, floor: float = ROW_FLOOR) -> Tensor:
    """max |x| of each token [batch, time], floored by a share of its batch row's; not finite: 0."""
    if x.numel() == 0:
        return torch.zeros(x.shape[:2], dtype=torch.float64)
    size = torch.nan_to_num(x.detach().abs().double(), nan=0.0, posinf=0.0, neginf=0.0)
    tokens = size.flatten(2).amax(2) if x.dim() > 2 else size
    return torch.maximum(tokens, floor * tokens.amax(1, keepdim=True))


def compare(actual: Tensor, expected: Tensor, tolerance: float, floor: float = ROW_FLOOR) -> Error:
    """|actual - expected| [batch, time, ...] in units of tolerance times the row's maximum.

    Raises ValueError when shapes differ. NaN or inf on one side only is an infinite ratio.
    """
    return against(actual, expected, tolerance * row_maximum(expected, floor))


def loop_share(loop: Tensor, truth: Tensor) -> float:
    """The loop's worst error in units of its row's maximum."""
    return against(loop, truth, row_maximum(truth)).ratio


def compare_with_loop(actual: Tensor, loop: Tensor, truth: Tensor, share: float = 0.0) -> Error:
    """Error of `actual` from float64 `truth` in units of what the loop's own error allows its row.

    actual and loop are in one precision below float64; all are [batch, time, ...]. share: the loop
    counts as erring at least this part of each row's maximum. For gradients it is the loop's worst
    in like rows: the last tokens and a bias have so few terms that a loop may be exact by luck.
    """
    lost = (
        differences(loop, truth).flatten(2).amax(2) if loop.dim() > 2 else differences(loop, truth)
    )
    lost = torch.maximum(lost, share * row_maximum(truth))
    epsilon = torch.finfo(actual.dtype).eps
    return against(actual, truth, LOOP_FACTOR * lost + LOOP_EPSILONS * epsilon * row_maximum(truth))


def differences(x: Tensor, y: Tensor) -> Tensor:
    """|x - y| in float64; 0 for equal infinities and NaNs, inf where only one is finite."""
    if x.shape != y.shape:
        raise ValueError(f"shapes differ: {tuple(x.shape)} and {tuple(y.shape)}")
    a, b = x.detach().double(), y.detach().double()
    gap = (a - b).abs()
    same = (a == b) | (a.isnan() & b.isnan())
    return torch.where(same, 0.0, torch.nan_to_num(gap, nan=torch.inf, posinf=torch.inf))


def against(actual: Tensor, expected: Tensor, allowed: Tensor) -> Error:
    """The worst element when each token may differ by `allowed` [batch, time]."""
    gap = differences(actual, expected)
    if gap.numel() == 0:
        return Error(0.0, 0.0, 0, 0)
    tokens = gap.flatten(2).amax(2) if gap.dim() > 2 else gap
    ratio = torch.where(tokens == 0, 0.0, tokens / allowed)
    place = int(ratio.argmax())
    row, token = divmod(place, tokens.shape[1])
    return Error(float(ratio[row, token]), float(tokens[row, token]), row, token)
