"""Streams of a stranger's module from the command line: shapes, ids, a function, a layout."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.target import find, load, split, told

if TYPE_CHECKING:
    from types import ModuleType

    from torch import Tensor

    from asiarch.laws import Axes

BATCH, TIME = 3, 65


def axes(layout: str | None) -> Axes | None:
    """Where a layout like `btc`, `tbc` or `bhtd` has batch and time. Raises CommandError."""
    from asiarch.laws import Axes

    if layout is None:
        return None
    word = layout.replace(",", "").lower()
    if word.count("b") != 1 or word.count("t") != 1 or not word.isalpha():
        raise CommandError(
            f"--layout {layout}: a letter per axis, b for batch and t for time, as in btc, tbc, bct"
        )
    return Axes(word.index("b"), word.index("t"))


def shaped(text: str) -> tuple[str | None, tuple[int, ...]]:
    """`3,65,32` or `name=3,65,32`. Raises ValueError."""
    name, equals, sizes = text.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        shape = ()
    if len(shape) < 2 or min(shape) < 1 or (equals and not name.strip().isidentifier()):
        raise ValueError(f"{text!r} is not a shape of two sizes or more, as in 3,65,32")
    return (name.strip() if equals else None), shape


def drawn(
    shapes: Sequence[tuple[str | None, tuple[int, ...]]],
    vocabulary: int | None,
    time: int | None,
    seed: int,
    dtype: Any,
) -> list[tuple[str | None, Tensor]]:
    """Named tensors: ids [3, time] below `vocabulary` first, then floats of the shapes."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    made: list[tuple[str | None, Tensor]] = []
    if vocabulary is not None:
        shape = shapes[0][1][:2] if shapes else (BATCH, time or TIME)
        made.append((None, torch.randint(0, vocabulary, shape, generator=generator)))
    for name, shape in shapes:
        try:
            made.append((name, torch.randn(shape, generator=generator).to(dtype)))
        except RuntimeError:
            size = ",".join(map(str, shape))
            raise CommandError(f"a stream of {size} numbers does not fit into memory") from None
    return made


def from_function(
    name: str, module: ModuleType, place: str, time: int | None, seed: int
) -> list[tuple[str | None, Tensor]]:
    """What a function of the file (or `other.py:function`) returns: a tensor, several, or a dict.

    It is called with those of batch, time and generator that it has arguments for.
    """
    import torch

    other, inner = split(name)
    holder, where = (load(other), other) if inner else (module, place)
    function: Any = find(holder, where, inner or name)
    if not callable(function):
        raise CommandError(f"--inputs {name}: a {type(function).__name__}, not a function")
    generator = torch.Generator().manual_seed(seed)
    known = {"batch": BATCH, "time": time or TIME, "generator": generator}
    wanted = inspect.signature(cast("Callable[..., Any]", function)).parameters
    given = {k: v for k, v in known.items() if k in wanted}
    result = told(f"{name}()", lambda: function(**given))
    return _named(name, result)


def _named(name: str, result: Any) -> list[tuple[str | None, Tensor]]:
    from torch import Tensor

    items: list[tuple[str | None, Any]]
    if isinstance(result, Mapping):
        items = [(str(k), v) for k, v in cast("Mapping[Any, Any]", result).items()]
    elif isinstance(result, (tuple, list)):
        items = [(None, v) for v in cast("Sequence[Any]", result)]
    else:
        items = [(None, result)]
    wrong = [type(v).__name__ for _, v in items if not isinstance(v, Tensor) or v.dim() < 2]
    if wrong or not items:
        raise CommandError(
            f"{name}() has to return tensors [batch, time, ...], alone, in a tuple or by name; "
            f"it returned {wrong[0] if wrong else 'nothing'}"
        )
    return items
