"""How a module is called, and where batch and time stand in what goes in and what comes out.

The laws speak of streams [batch, time, ...]. A stranger's module may want [time, batch, ...] or
[batch, channels, time], take its tensors by name, and give a dict, a dataclass or nested tuples. A
`Form` turns the one into the other. `discover` finds the axes of outputs by running the module on
fewer tokens and on fewer rows: an axis is time if it follows the number of tokens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

Streams = tuple[Tensor, ...]
Named = list[tuple[str, Tensor]]


class NoInputs(ValueError):
    """No inputs were given, and none can be made up."""


class NotASequence(ValueError):
    """The module's output has no tensor with a batch axis and a time axis."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Where batch and time stand in a tensor. flat: both in the axis `batch`, rows outermost."""

    batch: int = 0
    time: int = 1
    flat: bool = False

    def place(self, stream: Tensor) -> Tensor:
        """A stream [batch, time, ...] as the module wants it."""
        if (self.batch, self.time) == (0, 1):
            return stream
        return stream.movedim((0, 1), (self.batch, self.time)).contiguous()

    def read(self, out: Tensor, like: Tensor) -> Tensor:
        """An output as [batch, time, ...]; like: a stream [batch, time, ...]."""
        if self.flat:
            parts: Tensor = cast(Any, out).unflatten(self.batch, like.shape[:2])
            return parts.movedim((self.batch, self.batch + 1), (0, 1))
        return out.movedim((self.batch, self.time), (0, 1))


@dataclass(frozen=True, slots=True)
class Form:
    """method: what is called. axes, names: of each stream (absent: [batch, time, ...], by place).

    leaves: the outputs that are sequences, by their path in the output. None: those among the
    first tensors that are [batch, time, ...] like the stream.
    """

    method: str = "forward"
    axes: tuple[Axes, ...] = ()
    names: tuple[str | None, ...] = ()
    leaves: tuple[tuple[str, Axes], ...] | None = None

    def arguments(self, streams: Sequence[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Positional and named arguments of the call."""
        placed = [self.axes[i].place(x) if i < len(self.axes) else x for i, x in enumerate(streams)]
        names = [*self.names, *[None] * (len(placed) - len(self.names))]
        positional = [x for x, name in zip(placed, names, strict=True) if name is None]
        named = {name: x for x, name in zip(placed, names, strict=True) if name is not None}
        return positional, named

    def read(self, out: Any, stream: Tensor) -> Streams:
        """The sequences of an output, as [batch, time, ...]. Raises NotASequence."""
        if self.leaves is None:
            return _like(out, stream)
        found = dict(named_tensors(out))
        missing = [path for path, _ in self.leaves if path not in found]
        if missing:
            raise NotASequence(f"the output {missing[0] or 'tensor'} is not always there")
        return tuple(axes.read(found[path], stream) for path, axes in self.leaves)


def named_tensors(out: Any) -> Named:
    """Tensors of an output with their paths: "", "0", "logits", "past.1"."""
    return list(_walk(out, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
        return
    for name, part in _parts(value):
        yield from _walk(part, f"{path}.{name}" if path else name)


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return [(str(key), part) for key, part in items]
    if isinstance(value, (tuple, list)):
        items = list(cast("Sequence[Any]", value))
        names = getattr(cast(Any, value), "_fields", range(len(items)))
        return [(str(name), part) for name, part in zip(names, items, strict=True)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    plain = getattr(value, "__dict__", None)  # a namespace, an output class of its own
    attributes = cast("dict[str, Any]", plain) if isinstance(plain, dict) else {}
    return [(name, part) for name, part in attributes.items() if isinstance(part, Tensor)]


def _like(out: Any, stream: Tensor) -> Streams:
    found = tuple(x for _, x in named_tensors(out) if x.shape[:2] == stream.shape[:2])
    if not found:
        raise NotASequence(_nothing(out, stream))
    return found


def _nothing(out: Any, stream: Tensor) -> str:
    shapes = [tuple(x.shape) for _, x in named_tensors(out)] or [type(out).__name__]
    batch, time = stream.shape[:2]
    return (
        f"no output has an axis of batch ({batch}) and one of time ({time}); its outputs are "
        f"{', '.join(map(str, shapes))}"
    )


Call = Callable[[Streams], Any]


def discover(call: Call, form: Form, streams: Streams) -> Form:
    """The form with its `leaves`, from what the module gives for fewer tokens and fewer rows.

    call: the module on streams, in the form. A module that runs at one size alone is judged by
    the sizes of its outputs' axes. Raises NotASequence, and whatever the first call raises.
    """
    batch, time = streams[0].shape[:2]
    whole = call(streams)
    shorter = _shapes(call, tuple(x[:, : max(time // 2, 1)] for x in streams))
    fewer = _shapes(call, tuple(x[: max(batch - 1, 1)] for x in streams))
    leaves: list[tuple[str, Axes]] = []
    for path, tensor in named_tensors(whole):
        axes = _axes(tuple(tensor.shape), shorter.get(path), fewer.get(path), batch, time)
        if axes is not None:
            leaves.append((path, axes))
    if not leaves:
        raise NotASequence(_nothing(whole, streams[0]))
    return dataclasses.replace(form, leaves=tuple(leaves))


Shape = tuple[int, ...]


def _shapes(call: Call, streams: Streams) -> dict[str, Shape]:
    try:
        return {path: tuple(x.shape) for path, x in named_tensors(call(streams))}
    except Exception:  # a module may refuse a size; the sizes of the whole then have to do
        return {}


def _axes(
    shape: Shape, shorter: Shape | None, fewer: Shape | None, batch: int, time: int
) -> Axes | None:
    """Batch and time of one output, or None where there is not exactly one of each."""
    times = [i for i, n in enumerate(shape) if n == time and _moved(shape, shorter, i)]
    rows = [i for i, n in enumerate(shape) if n == batch and _moved(shape, fewer, i)]
    if batch == 1 or len(rows) > 1:
        rows = rows[:1]
    if len(times) > 1 and shorter == shape:
        times = times[:1]
    if not times and not rows:
        flat = [i for i, n in enumerate(shape) if n == batch * time and _moved(shape, shorter, i)]
        return Axes(flat[0], flat[0], True) if len(flat) == 1 and batch > 1 else None
    if len(times) != 1 or len(rows) != 1 or times == rows:
        return None
    return Axes(rows[0], times[0])


def _moved(shape: Shape, other: Shape | None, axis: int) -> bool:
    """Whether the axis followed the change of size; unknown counts as yes."""
    if other is None or len(other) != len(shape) or other == shape:
        return True
    return other[axis] != shape[axis]
