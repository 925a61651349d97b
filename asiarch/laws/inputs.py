"""Inputs for a module that one knows nothing of: what it says itself, or what fits its layers.

Candidates are tried in order until the module gives a sequence: its own `example_inputs`; token ids
if there is an embedding; then [batch, time, width] and [batch, width, time] for the widths of its
first layers. Tensors that forward requires are all drawn alike. Nothing is guessed between heads
and time: four axes have to be given.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from asiarch.laws.form import Axes, Form, NoInputs, Streams, discover
from asiarch.laws.subject import Subject
from asiarch.laws.tolerances import compare

TIME = 65
BATCH = 3
TIMES = (TIME, 64, 33, 17, 16, 9)
"""Tried in turn: a module may have a longest sequence, or want a multiple of its chunk."""

IDS = ("input_ids", "ids", "idx", "tokens", "token_ids", "inputs_ids")
CHANNELS_FIRST = Axes(0, 2)
TIME_FIRST = Axes(1, 0)

Candidate = tuple[Streams, Axes]


def made_up(
    module: nn.Module,
    generator: torch.Generator,
    form: Form,
    batch: int = BATCH,
    time: int | None = None,
) -> tuple[Streams, Form]:
    """Streams that the module takes, and the form with their axes.

    Raises NoInputs when nothing fits, with what the likeliest candidate raised.
    """
    refused: str | None = None
    for length in TIMES if time is None else (time,):
        for streams, axes in _candidates(module, generator, form, batch, length):
            count = len(streams)
            named = replace(form, axes=form.axes or (axes,) * count)
            try:
                with torch.no_grad():
                    found = discover(Subject(module, named).call, named, streams)
            except Exception as error:  # a guess that does not fit may raise anything
                said = str(error).strip().split("\n")[0][:160]
                refused = refused or f"{_shape(streams)} gave {type(error).__name__}: {said}"
                continue
            if form.axes or axes != Axes() or not _is_time_first(module, found, streams, generator):
                return streams, replace(found, leaves=None) if _own(module) else found
            return _transposed(module, form, streams)
    raise NoInputs(
        f"cannot make up inputs for {type(module).__name__}.{form.method}"
        f"{_signature(module, form)}; {refused or 'it requires no tensor'}"
    )


def example_inputs(
    module: nn.Module, generator: torch.Generator, batch: int = BATCH, time: int = TIME
) -> Streams:
    """Streams [batch, time, ...] that the module takes. Raises NoInputs when nothing fits."""
    return made_up(module, generator, Form(), batch, time)[0]


def required(module: nn.Module, method: str) -> list[inspect.Parameter]:
    """The parameters of a method that a call must give; forward(*args) counts as one."""
    parameters = list(inspect.signature(getattr(module, method)).parameters.values())
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind in kinds]
    return needed or parameters[:1]


def _own(module: nn.Module) -> bool:
    return callable(getattr(module, "example_inputs", None))


def _signature(module: nn.Module, form: Form) -> str:
    return str(inspect.signature(getattr(module, form.method)))


def _shape(streams: Streams) -> str:
    return " and ".join(f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}" for x in streams)


def _candidates(
    module: nn.Module, generator: torch.Generator, form: Form, batch: int, time: int
) -> Iterator[Candidate]:
    own: Any = getattr(module, "example_inputs", None)
    if callable(own):
        made: Any = own(batch, time, generator)
        yield (made,) if isinstance(made, Tensor) else tuple(made), Axes()
        return
    needed = required(module, form.method)
    tables = [part for part in module.modules() if isinstance(part, nn.Embedding)]
    if tables and (len(needed) == 1 or needed[0].name in IDS):
        for vocabulary in dict.fromkeys([tables[0].num_embeddings, _smallest(tables)]):
            yield (torch.randint(0, vocabulary, (batch, time), generator=generator),), Axes()
    for width in _widths(module):
        for axes in (Axes(), CHANNELS_FIRST):
            drawn = [torch.randn(batch, time, width, generator=generator) for _ in needed]
            yield tuple(x.to(_dtype(module)) for x in drawn), axes


def _smallest(tables: Sequence[nn.Embedding]) -> int:
    return min(table.num_embeddings for table in tables)


def _dtype(module: nn.Module) -> torch.dtype:
    floats = [p.dtype for p in module.parameters() if p.is_floating_point()]
    return floats[0] if floats else torch.float32


def _widths(module: nn.Module) -> list[int]:
    """Widths of the first layers' inputs, then last axes of parameters, then 8."""
    widths: list[int] = []
    for part in module.modules():
        for name in ("in_features", "in_channels", "embed_dim", "input_size"):
            width = getattr(part, name, None)
            widths += [width] if isinstance(width, int) else []
    widths += [p.shape[-1] for p in module.parameters() if p.dim()]
    widths += [p.shape[0] for p in module.parameters() if p.dim()] + [8]
    return list(dict.fromkeys(widths))


def _is_time_first(
    module: nn.Module, form: Form, streams: Streams, generator: torch.Generator
) -> bool:
    """Whether rows are mixed and tokens are not: what was taken for batch is time, as in a
    recurrent layer without `batch_first`.
    """
    subject = Subject(module, form)
    subject.seeded = True
    before = subject.outputs(streams)
    rows = tuple(_redrawn(x, 0, generator) for x in streams)
    if _same(before, subject.outputs(rows), 0):
        return False
    tokens = tuple(_redrawn(x, 1, generator) for x in streams)
    return _same(before, subject.outputs(tokens), 1)


def _redrawn(x: Tensor, axis: int, generator: torch.Generator) -> Tensor:
    """x with its first entry of an axis drawn anew."""
    changed = x.clone()
    part = changed.narrow(axis, 0, 1)
    if x.is_floating_point():
        part.copy_(torch.randn(part.shape, generator=generator))
    else:
        part.copy_((part + 1) % (int(x.max()) + 1))
    return changed


def _same(x: Streams, y: Streams, axis: int) -> bool:
    """Whether all but the first entry of an axis stayed the same."""
    rest = [
        (a.narrow(axis, 1, a.shape[axis] - 1), b.narrow(axis, 1, b.shape[axis] - 1))
        for a, b in zip(x, y, strict=True)
    ]
    return all(compare(b, a, 1.0).difference == 0 for a, b in rest)


def _transposed(module: nn.Module, form: Form, streams: Streams) -> tuple[Streams, Form]:
    timed = replace(form, axes=(TIME_FIRST,) * len(streams))
    with torch.no_grad():
        return streams, discover(Subject(module, timed).call, timed, streams)
