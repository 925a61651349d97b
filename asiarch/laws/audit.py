"""`check`: every law that applies to a module, with a witness for each that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from asiarch.laws import causality, resources, rows
from asiarch.laws.equality import Reference, parallel_equals_recurrent
from asiarch.laws.ringmode import RingError, RingMode
from asiarch.laws.subject import (
    ExactSubject,
    NotASequence,
    Streams,
    Subject,
    double,
    precision,
)
from asiarch.laws.tolerances import EXACT, SAME_CODE, compare
from asiarch.laws.verdict import Report, Verdict, Witness, fails, holds, not_applicable

TIME = 65
BATCH = 3


def check(
    module: nn.Module,
    inputs: Sequence[Tensor] | Tensor | None = None,
    *,
    chunk: int | None = None,
    reference: Reference | None = None,
    ring: bool = False,
    resources_at: int | None = None,
    seed: int = 0,
) -> Report:
    """Try all laws on a copy of a torch module, in the mode (train or eval) that it is in.

    inputs: the streams [batch, time, ...], best with two rows and 33 tokens or more; None asks
    `module.example_inputs(batch, time, generator)`, or draws them to fit the first layer.
    chunk: the module's chunk size, to cut around its multiples. reference: a token loop called as
    reference(module, *streams) for the law parallel = recurrent, in the ring, float64 and float32.
    ring: also try the laws of rows in exact arithmetic, where rounding hides nothing.
    resources_at: also count operators and held bytes, at this many tokens.
    Raises ValueError when no inputs are given and none can be made up.
    """
    generator = torch.Generator().manual_seed(seed)
    given = (inputs,) if isinstance(inputs, Tensor) else inputs
    streams = tuple(given) if given is not None else example_inputs(module, generator)
    subject = Subject(module)
    refused = _refusal(subject, streams)
    if refused is not None:
        return Report(subject.name, (refused,))
    verdicts = [*_behaviour(subject, streams, generator, chunk)]
    if ring:
        verdicts += _exact(module, streams, generator, chunk)
    if resources_at is not None:
        verdicts += _resources(subject, streams, chunk, resources_at)
    if reference is not None:
        for oracle in ("ring", "float64", "float32"):
            verdicts.append(
                _guard(
                    f"parallel = recurrent, {oracle}",
                    lambda o=oracle: parallel_equals_recurrent(
                        module, reference, streams, o, generator=generator
                    ),
                )
            )
    return Report(subject.name, tuple(verdicts))


def _refusal(subject: Subject, streams: Streams) -> Verdict | None:
    """Why no law can be tried: no sequence comes out, or the same input gives another output."""
    try:
        first, second = subject.outputs(streams), subject.outputs(streams)
    except NotASequence as reason:
        return not_applicable("sequence", str(reason))
    for x, y in zip(first, second, strict=True):
        error = compare(y, x, 1.0)
        if error.difference > 0:
            text = (
                f"the same input gave another output at token {error.token} (batch row "
                f"{error.row}), by {error.difference:.3g}: dropout or hidden state"
            )
            witness = Witness(text, None, error.token, error.row, error.difference)
            return fails("deterministic", witness)
    return None


def _behaviour(
    subject: Subject, streams: Streams, generator: torch.Generator, chunk: int | None
) -> list[Verdict]:
    exact, wide = subject, streams
    try:
        exact, wide = subject.doubled(), double(streams)
        exact.outputs(wide)
    except (RuntimeError, TypeError, ValueError):  # a module that insists on its own dtype
        exact, wide = subject, streams
    tolerance = SAME_CODE[precision(exact, wide)]
    laws: list[tuple[str, Callable[[], Verdict]]] = [
        ("prefix", lambda: causality.prefix(subject, streams, generator, chunk)),
        ("length", lambda: causality.length(exact, wide, tolerance, chunk)),
        ("gradient", lambda: causality.gradient(subject, streams, generator, chunk)),
        ("batch", lambda: rows.batch(exact, wide, generator, tolerance)),
        ("streaming", lambda: rows.streaming(exact, wide, tolerance, chunk)),
        ("stepping", lambda: rows.stepping(exact, wide, tolerance)),
        ("packing", lambda: rows.packing(exact, wide, generator, tolerance)),
    ]
    return [holds("deterministic", "twice the same"), *(_guard(n, law) for n, law in laws)]


def _exact(
    module: nn.Module, streams: Streams, generator: torch.Generator, chunk: int | None
) -> list[Verdict]:
    names = ("length", "batch", "streaming", "stepping", "packing")
    try:
        subject = ExactSubject(module, generator)
    except TypeError as reason:
        return [not_applicable(f"{name}, ring", str(reason)) for name in names]
    drawn = tuple(
        RingMode.random(x.shape, generator) if x.is_floating_point() else x for x in streams
    )
    laws: list[Callable[[], Verdict]] = [
        lambda: causality.length(subject, drawn, EXACT, chunk),
        lambda: rows.batch(subject, drawn, generator, EXACT),
        lambda: rows.streaming(subject, drawn, EXACT, chunk),
        lambda: rows.stepping(subject, drawn, EXACT),
        lambda: rows.packing(subject, drawn, generator, EXACT),
    ]
    tried = [_guard(name, law) for name, law in zip(names, laws, strict=True)]
    return [replace(verdict, law=f"{verdict.law}, ring") for verdict in tried]


def _resources(subject: Subject, streams: Streams, chunk: int | None, time: int) -> list[Verdict]:
    times = (time // 4, time // 2, time)
    return [
        _guard("no loop", lambda: resources.no_loop(subject, streams, time, chunk)),
        _guard("memory", lambda: resources.memory(subject, streams, times)),
    ]


def _guard(name: str, law: Callable[[], Verdict]) -> Verdict:
    """A module that raises where the law runs it has failed the law."""
    try:
        return law()
    except RingError as reason:
        return not_applicable(name, str(reason))
    except Exception as error:  # whatever a stranger's module raises is what is reported
        said = str(error).strip().split("\n")[0][:200]
        return fails(name, f"the module raised {type(error).__name__}: {said}")


def example_inputs(
    module: nn.Module, generator: torch.Generator, batch: int = BATCH, time: int = TIME
) -> Streams:
    """Streams by the module's own `example_inputs`, else one stream that fits its first layer.

    Raises ValueError when nothing fits.
    """
    own: Any = getattr(module, "example_inputs", None)
    if callable(own):
        made: Any = own(batch, time, generator)
        return (made,) if isinstance(made, Tensor) else tuple(made)
    for candidate in _candidates(module, generator, batch, time):
        try:
            Subject(module).outputs((candidate,))
        except Exception:  # a guess that does not fit may raise anything
            continue
        return (candidate,)
    raise ValueError(
        f"cannot make up inputs for {type(module).__name__}: pass inputs=(x, ...), "
        "tensors [batch, time, ...]"
    )


def _candidates(
    module: nn.Module, generator: torch.Generator, batch: int, time: int
) -> list[Tensor]:
    widths: list[int] = []
    for part in module.modules():
        if isinstance(part, nn.Embedding):
            return [torch.randint(0, part.num_embeddings, (batch, time), generator=generator)]
        for name in ("in_features", "in_channels", "embed_dim", "input_size"):
            width = getattr(part, name, None)
            widths += [width] if isinstance(width, int) else []
    widths += [p.shape[-1] for p in module.parameters() if p.dim()] + [8]
    floats = [p.dtype for p in module.parameters() if p.is_floating_point()]
    dtype = floats[0] if floats else torch.float32
    unique = list(dict.fromkeys(widths))
    return [torch.randn(batch, time, w, generator=generator).to(dtype) for w in unique]
