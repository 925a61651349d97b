"""Runs code that casts to float32 inside in float64, as it stands.

Most references open with `q.float()`. Under this mode a cast to float32 is a cast to float64, and
what is made without a type is float64, so that agreement means the same function and not the same
rounding. The reference's text is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _Widening(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        wide = [_wide(a) for a in args]
        named = {k: _wide(v) for k, v in (kwargs or {}).items()}
        if func is torch.Tensor.float:
            return torch.Tensor.double(*wide, **named)
        return func(*wide, **named)


def _wide(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


@contextmanager
def widened() -> Generator[None]:
    """Casts to float32 inside are casts to float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Widening():
            yield
    finally:
        torch.set_default_dtype(before)
