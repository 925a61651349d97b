"""RingMode: run unmodified torch code in exact arithmetic, forward and autograd.

Under the mode every aten operator is read in the ring Z/1289**3 (see
`asiarch.ir.domains.ring_arithmetic`). A tensor is an ordinary float64 tensor whose 64 bits are the
int64 residue, so autograd, `torch.autograd.Function`, `torch.utils.checkpoint`, views and in-place
writes work as always; only the arithmetic differs. There is no rounding: if a chunked form and a
token loop are the same function, their results and gradients are equal bit for bit, and if not,
they differ with near certainty, however small the mistake would be in floats.

    x = RingMode.random((2, 48, 4), generator).requires_grad_()
    with RingMode():
        fast, slow = chunked(x), loop(x)
        fast.sum().backward()
    assert torch.equal(fast, slow)

Constants and factories inside the mode are converted; float tensors made outside it (parameters,
buffers, inputs) are converted with `RingMode.encode`, or a module as a whole with
`RingMode.randomize`. Every floating dtype asked for inside the mode becomes float64.

Limits. The ring has no sign and no order of the reals: max, relu, top-k and comparisons are decided
by the centred residue, so both sides must use them in the same form. Functions other than exp and
the field operations are fixed pseudo-random maps that keep no law. In particular log undoes exp
only where a compiler cancelled the two: exp(s - logsumexp(s)) is not softmax(s), exp(s - max) / sum
is. Quotients are exact where the divisor is prime to p, and so are the gradients that torch writes
for cumprod and prod, which divide. `exp` nests twice; a third exp is constant. Values cannot steer
Python (`.item()` of a float is an error). Random numbers, complex numbers, inverses of full
matrices and CUDA tensors have no reading. An operator that is not in the table is a `RingError`,
never skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws import (
    ringattention,
    ringbits,
    ringconv,
    ringmatrix,
    ringmove,
    ringpointwise,
    ringreduce,
)
from asiarch.laws.ringbits import RingError
from asiarch.laws.ringfunctions import SpelledFunctions
from asiarch.laws.ringtable import TABLE, aten_name

__all__ = ["RingError", "RingMode"]

_READERS = (
    ringattention,
    ringconv,
    ringmove,
    ringpointwise,
    ringreduce,
    ringmatrix,
)  # importing them fills the table


class RingMode(TorchDispatchMode):
    """Context manager: inside, float64 tensors are elements of Z/1289**3. See the module."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.operators: set[str] = set()
        """Names of the aten operators read so far."""
        self._functions = SpelledFunctions()
        self._default_dtype = torch.get_default_dtype()

    def __enter__(self) -> Self:
        self._default_dtype = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # so that torch.tensor(1 / 3) keeps its digits
        self._functions.__enter__()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # pyright: ignore[reportUnknownMemberType]
        self._functions.__exit__(*exception)  # pyright: ignore[reportUnknownMemberType]
        torch.set_default_dtype(self._default_dtype)

    @staticmethod
    def random(shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
        """A tensor of random ring elements, float64 [*shape], each prime to p."""
        return ringbits.random(shape, generator)

    @staticmethod
    def encode(numbers: Tensor | float | int | Sequence[Any]) -> Tensor:
        """Real numbers as ring elements. Raises ValueError for NaN and +inf."""
        return ringbits.encode(numbers)

    @staticmethod
    def tensor(residues: Array) -> Tensor:
        """A ring tensor of residues that another program computed (int64 numpy); a copy."""
        return ringbits.tensor(residues)

    @staticmethod
    def values(tensor: Tensor) -> Array:
        """The residues of a ring tensor, int64 numpy, 0..N-1 or NEG."""
        return ringbits.values(tensor)

    @staticmethod
    def randomize(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
        """Make parameters random ring elements and encode float buffers, in place."""
        for parameter in module.parameters():
            parameter.data = ringbits.random(parameter.shape, generator)
        for buffer in module.buffers():
            if buffer.is_floating_point():
                buffer.data = ringbits.encode(buffer)
        return module

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = aten_name(func)
        self.operators.add(name)
        with torch.no_grad():
            return _read(func, name, args, dict(kwargs or {}))


def _read(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    if any(x.is_complex() for x in tensors):
        raise RingError(f"aten.{name}: complex numbers have no reading in the ring")
    plain = not any(x.is_floating_point() for x in tensors)
    if plain and name not in _FACTORIES:
        result = func(*args, **kwargs)
        if not _is_float(result):
            return result
    kwargs = {k: v for k, v in kwargs.items() if v is not None or k != "out"}
    if "out" in kwargs:
        return _write_out(func, name, args, kwargs)
    if name in TABLE:
        return _wrap(TABLE[name](func, *args, **kwargs))
    if name.endswith("_") and name[:-1] in TABLE:
        target: Tensor = args[0]
        return _store(target, _wrap(TABLE[name[:-1]](func, *args, **kwargs)))
    raise RingError(f"aten.{name} ({func}) has no reading in the ring")


_FACTORIES = frozenset(
    (
        *("zeros", "ones", "full", "empty", "empty_strided", "empty_permuted", "eye", "arange"),
        *("linspace", "scalar_tensor", "lift_fresh", "lift_fresh_copy"),
    )
)


def _is_float(result: Any) -> bool:
    return any(isinstance(x, Tensor) and x.is_floating_point() for x in tree_leaves(result))


def _wrap(result: Any) -> Any:
    """Residues become float64 tensors; boolean and index results are tensors already."""
    if isinstance(result, Tensor):
        return result
    return tree_map(_wrap_leaf, result)


def _wrap_leaf(leaf: Any) -> Any:
    return ringbits.tensor(leaf) if isinstance(leaf, (np.ndarray, np.integer)) else leaf


def _store(target: Tensor, result: Tensor) -> Tensor:
    if result is not target:
        target.copy_(result.expand(target.shape))
    return target


def _write_out(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    target = kwargs.pop("out")
    if not isinstance(target, Tensor) or name not in TABLE:
        raise RingError(f"aten.{name} ({func}) with out= has no reading in the ring")
    functional = getattr(torch.ops.aten, name)
    result: Any = _wrap(TABLE[name](functional, *args, **kwargs))
    if target.shape != result.shape:
        target.resize_(result.shape)
    target.copy_(result)
    return target
