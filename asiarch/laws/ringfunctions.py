"""Python functions of torch whose own formulas lose exactness in the ring, spelled out exactly.

`logsumexp` and `logcumsumexp` differentiate through exp(x - result), which is softmax only where
log undoes exp; `scaled_dot_product_attention` scales by a fourth root or keeps a logsumexp. Each is
replaced by its definition, whose gradient is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q k' scale + mask) v as `scaled_dot_product_attention` defines it; no dropout."""
    if dropout_p:
        raise ValueError("attention with dropout has no reading in the ring")
    if enable_gqa:
        repeats = query.shape[-3] // key.shape[-3]
        key, value = (x.repeat_interleave(repeats, dim=-3) for x in (key, value))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ key.transpose(-1, -2) * factor
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.softmax(scores, -1) @ value


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """m + log(sum exp(x - m)) with m the largest."""
    largest = input.detach().amax(dim, keepdim=True)
    value = largest + torch.log(torch.exp(input - largest).sum(dim, keepdim=True))
    if keepdim:
        return value
    squeezed: Tensor = value.squeeze(dim)
    return squeezed


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(cumsum(exp x))."""
    return torch.log(torch.exp(input).cumsum(dim))


_SPELLED: dict[Any, Callable[..., Any]] = {
    F.scaled_dot_product_attention: attention,
    torch.logsumexp: logsumexp,
    getattr(torch.special, "logsumexp"): logsumexp,  # noqa: B009 (absent from torch's stubs)
    Tensor.logsumexp: logsumexp,
    torch.logcumsumexp: logcumsumexp,
    Tensor.logcumsumexp: logcumsumexp,
}


class SpelledFunctions(TorchFunctionMode):
    """Inside, the functions above are replaced by their definitions."""

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        spelled: Any = _SPELLED.get(func, func)
        return spelled(*args, **(kwargs or {}))
