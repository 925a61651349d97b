"""Ring elements inside float64 tensors: 64 bits that are an int64 residue instead of a float.

Decides how numbers become such tensors and back. Refuses to know any operator.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array

Value: TypeAlias = Tensor | float | int

POISON = float("nan")
"""What memory holds before it is written: no residue, so that reading it is noticed."""


class RingError(RuntimeError):
    """Code under RingMode did something that has no meaning in the ring."""


def values(tensor: Tensor) -> Array:
    """The residues of a ring tensor as an int64 numpy array (a view of its memory)."""
    if tensor.dtype != torch.float64:
        raise RingError(f"a ring tensor is float64, got {tensor.dtype}")
    if tensor.device.type != "cpu":
        raise RingError(f"the ring is read on the CPU, got a tensor on {tensor.device}")
    return tensor.detach().view(torch.int64).numpy()


def from_array(array: Any) -> Tensor:
    """`torch.from_numpy`: shares the memory."""
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]


def tensor(residues: Any) -> Tensor:
    """A float64 tensor whose bits are a copy of the given residues."""
    return from_array(np.array(residues, dtype=np.int64, order="C")).view(torch.float64)


def bits(residue: int) -> float:
    """The float whose bits are a residue: torch writes it into memory unchanged."""
    return struct.unpack("<d", struct.pack("<q", residue))[0]


def scalar_bits(constant: float | int) -> float:
    """`bits` of the ring element of a Python constant."""
    return bits(ring.number(constant))


def valid(residues: Array) -> bool:
    """Whether every element is a residue or the sentinel."""
    return bool((((residues >= 0) & (residues < ring.N)) | (residues == ring.NEG)).all())


def encode(numbers: Tensor | float | int | Sequence[Any]) -> Tensor:
    """Real numbers (a tensor of any dtype, a scalar, nested lists) as a ring tensor, by `number`.

    A float64 tensor of ring elements stays as it is. Raises ValueError for NaN and +inf.
    """
    source = numbers if isinstance(numbers, Tensor) else torch.tensor(numbers, dtype=torch.float64)
    if source.dtype == torch.float64:
        held = values(source)
        if valid(held):
            return tensor(held)
    plain = source.detach().cpu()
    if plain.is_floating_point():
        plain = plain.double()
    return tensor(ring.encode(plain.numpy()))


def random(shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """A ring tensor of random residues that are prime to p, so that they can be divided by."""
    drawn = torch.randint(0, ring.N, tuple(shape), generator=generator, dtype=torch.int64)
    return torch.where(drawn % ring.P == 0, drawn + 1, drawn).view(torch.float64)


def residues(x: Value, operator: str = "an operator") -> Array:
    """An operand as residues: ring tensors as they are, integers mod N, constants by `number`."""
    if not isinstance(x, Tensor):
        return np.asarray(ring.number(x), dtype=np.int64)
    if not x.is_floating_point():
        return ring.encode(x.detach().numpy())
    held = values(x)
    if not valid(held):
        raise RingError(
            f"{operator} read bits that are no ring element: a float tensor made outside the mode "
            "(convert it with RingMode.encode) or memory that was never written"
        )
    return held
