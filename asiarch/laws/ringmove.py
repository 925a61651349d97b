"""Operators that move, mask or create elements: they run as they are, on the bits.

Constants that such an operator writes are replaced by the float whose bits are their residue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws.ringbits import (
    POISON,
    RingError,
    bits,
    encode,
    from_array,
    residues,
    scalar_bits,
    tensor,
)
from asiarch.laws.ringtable import reads_with_operator

_MOVES = """
_reshape_alias _unsafe_index _unsafe_view alias as_strided as_strided_ as_strided_scatter
block_diag cat clone copy copy_ detach detach_ diag_embed diagonal diagonal_backward
diagonal_copy diagonal_scatter embedding equal expand expand_copy flip gather index index_copy
index_copy_ index_select is_same_size linalg_diagonal masked_scatter masked_scatter_
masked_select narrow new_zeros nonzero permute permute_copy repeat repeat_interleave reshape
resize_ roll select select_backward select_copy select_scatter set_ slice slice_backward
slice_copy slice_scatter split split_copy split_with_sizes squeeze squeeze_ squeeze_copy stack t
t_ t_copy take transpose transpose_ transpose_copy tril tril_ triu triu_ unbind unbind_copy
unfold unfold_copy unsafe_split unsafe_split_with_sizes unsqueeze unsqueeze_ unsqueeze_copy view
view_copy where zero zero_ zeros_like
""".split()  # noqa: SIM905 (a word list reads better than forty lines)

_VALUE_POSITION = {
    "masked_fill": 2,
    "masked_fill_": 2,
    "fill": 1,
    "fill_": 1,
    "index_fill": 3,
    "index_fill_": 3,
    "scatter": 3,
    "scatter_": 3,
    "constant_pad_nd": 2,
    "full_like": 1,
    "new_full": 2,
}


@reads_with_operator(*_MOVES)
def _move(func: Any, *args: Any, **kwargs: Any) -> Any:
    return func(*args, **_float64(kwargs))


def _float64(kwargs: dict[str, Any]) -> dict[str, Any]:
    dtype = kwargs.get("dtype")
    if dtype is None or not dtype.is_floating_point:
        return kwargs
    return kwargs | {"dtype": torch.float64}


@reads_with_operator(*_VALUE_POSITION)
def _write_value(func: Any, *args: Any, **kwargs: Any) -> Any:
    position = _VALUE_POSITION[func.overloadpacket.__name__]
    written = list(args)
    if position < len(written):
        written[position] = _value(written[position])
    kwargs = {k: _value(v) if k in ("value", "fill_value") else v for k, v in kwargs.items()}
    if "reduce" in kwargs:
        raise RingError("aten.scatter with reduce= has no reading in the ring")
    return func(*written, **_float64(kwargs))


def _value(constant: Any) -> Any:
    if isinstance(constant, Tensor):
        return constant if constant.is_floating_point() else tensor(residues(constant))
    return scalar_bits(constant)


@reads_with_operator("zeros", "ones", "arange", "eye", "linspace", "scalar_tensor", "full")
def _create(func: Any, *args: Any, **kwargs: Any) -> Any:
    made: Tensor = func(*args, **kwargs)
    if not made.is_floating_point():
        return made
    return encode(func(*args, **(kwargs | {"dtype": torch.float64})))


@reads_with_operator("ones_like", "new_ones")
def _ones(func: Any, *args: Any, **kwargs: Any) -> Any:
    made: Tensor = func(*args, **_float64(kwargs))
    return made.fill_(bits(1)) if made.is_floating_point() else made


@reads_with_operator(
    "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted"
)
def _allocate(func: Any, *args: Any, **kwargs: Any) -> Any:
    made: Tensor = func(*args, **kwargs)
    if not made.is_floating_point():
        return made
    return func(*args, **(kwargs | {"dtype": torch.float64})).fill_(POISON)


@reads_with_operator("lift_fresh", "lift_fresh_copy")
def _lift(func: Any, source: Tensor) -> Any:
    """`torch.tensor(data)` arrives here with plain numbers in it."""
    lifted: Tensor = func(source)
    return encode(lifted) if lifted.is_floating_point() else lifted


WHOLE = 10**6
"""Numbers below this, of either sign, are positions and counts; what is random is hardly ever."""


def _integers(x: Array, dtype: torch.dtype) -> Array:
    """The whole numbers that were encoded."""
    signed = np.where(x > ring.N // 2, x - ring.N, x)
    if (abs(signed) >= WHOLE).any():
        raise RingError(f"a ring element that is no position cannot be converted to {dtype}")
    return signed


@reads_with_operator("_to_copy")
def _convert(func: Any, x: Tensor, **kwargs: Any) -> Any:
    dtype: torch.dtype | None = kwargs.get("dtype")
    if x.is_floating_point():
        if dtype is None or dtype.is_floating_point:
            return func(x, **(kwargs | {"dtype": torch.float64}))
        if dtype == torch.bool:
            return from_array(residues(x) != 0)
        return func(from_array(_integers(residues(x), dtype)), **kwargs)
    if dtype is not None and dtype.is_floating_point:
        return tensor(residues(x))
    return func(x, **kwargs)
