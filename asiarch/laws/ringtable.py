"""The table from aten operators to their readings in the ring.

A reading is called with the operator and its arguments as torch passes them, and gives residues
(numpy arrays, which become ring tensors) or tensors. `name_` and `out=` forms follow from `name`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Reading: TypeAlias = Callable[..., Any]

TABLE: dict[str, Reading] = {}


def aten_name(func: Any) -> str:
    """`add_` for `aten.add_.Tensor`."""
    return str(func.overloadpacket.__name__)


def reads(*names: str) -> Callable[[Reading], Reading]:
    """Enter a function `(*arguments)` under some operators; it does not see the operator itself."""

    def enter(function: Reading) -> Reading:
        def reading(func: Any, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        reads_with_operator(*names)(reading)
        return function

    return enter


def reads_with_operator(*names: str) -> Callable[[Reading], Reading]:
    """Enter a function `(operator, *arguments)` under some operators."""

    def enter(function: Reading) -> Reading:
        for name in names:
            if name in TABLE:
                raise ValueError(f"aten.{name} is read twice")
            TABLE[name] = function
        return function

    return enter
