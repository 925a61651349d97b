"""The laws of causality: prefix, length, gradient. An output depends on no later token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from asiarch.laws.streams import MAGNITUDES, cuts
from asiarch.laws.subject import Streams, Subject
from asiarch.laws.tolerances import compare
from asiarch.laws.verdict import Verdict, Witness, fails, holds, not_applicable


def prefix(
    subject: Subject, streams: Streams, generator: torch.Generator, chunk: int | None = None
) -> Verdict:
    """Changing tokens >= p, to values of several magnitudes, leaves outputs < p bit-identical.

    A magnitude at which the changed tokens' own outputs overflow is left out: a masked 0 * inf is
    NaN in correct code too.
    """
    time = streams[0].shape[1]
    places = cuts(time, chunk)
    if not places:
        return not_applicable("prefix", f"a sequence of {time} has no later token")
    before, used = subject.outputs(streams), set[float]()
    for p in places:
        for magnitude in MAGNITUDES:
            changed = _change(
                subject, streams, range(len(streams)), slice(p, None), magnitude, generator
            )
            after = subject.outputs(changed)
            if _overflowed(before, after):
                continue
            used.add(magnitude)
            if _first_change(before, after, p) is not None:
                return fails("prefix", _explain(subject, streams, before, p, changed, generator))
    if not used:
        return not_applicable("prefix", "every replacement overflows")
    sizes = tuple(sorted(used))
    return holds("prefix", f"cuts {places}, replacements of size {sizes}: equal in every bit")


def _overflowed(before: Streams, after: Streams) -> bool:
    """Did finite inputs of this size give outputs that are not finite, where others gave finite
    ones?
    """
    finite = all(bool(x.isfinite().all()) for x in before if x.is_floating_point())
    return finite and any(not bool(y.isfinite().all()) for y in after if y.is_floating_point())


def _change(
    subject: Subject,
    streams: Streams,
    which: Iterable[int],
    tokens: slice,
    magnitude: float,
    generator: torch.Generator,
) -> Streams:
    chosen = set(which)
    return tuple(
        subject.replaced(x, tokens, magnitude, generator) if i in chosen else x
        for i, x in enumerate(streams)
    )


def _first_change(before: Streams, after: Streams, end: int) -> tuple[int, int, float] | None:
    """(token, batch row, difference) of the first output < end that changed; -0 equals 0."""
    found: list[tuple[int, int, float]] = []
    for x, y in zip(before, after, strict=True):
        a, b = x[:, :end], y[:, :end]
        differs = ~((a == b) | (a.isnan() & b.isnan())) if a.is_floating_point() else a != b
        places = differs.flatten(2).any(2) if differs.dim() > 2 else differs
        if places.any():
            token = int(places.any(0).int().argmax())
            row = int(places[:, token].int().argmax())
            gap = (a[row, token].double() - b[row, token].double()).abs().max()
            found.append((token, row, float(gap)))
    return min(found) if found else None


def _explain(
    subject: Subject,
    streams: Streams,
    before: Streams,
    p: int,
    changed: Streams,
    generator: torch.Generator,
) -> Witness:
    """The smallest change that still leaks: one token of one stream, else the suffix."""
    time = streams[0].shape[1]
    for token in [*range(p, time), *range(1, p)]:
        for which in [*([i] for i in range(len(streams))), list(range(len(streams)))]:
            for magnitude in MAGNITUDES:
                tokens = slice(token, token + 1)
                one = _change(subject, streams, which, tokens, magnitude, generator)
                after = subject.outputs(one)
                seen = _first_change(before, after, token)
                if seen is not None and not _overflowed(before, after):
                    named = f" of stream {which[0]}" if len(which) < len(streams) else ""
                    return _leak(f"changing token {token}{named}", token, seen)
    seen = _first_change(before, subject.outputs(changed), p)
    assert seen is not None
    return _leak(f"changing tokens {p} to {time - 1} together", p, seen)


def _leak(change: str, changed: int, seen: tuple[int, int, float]) -> Witness:
    token, row, difference = seen
    text = f"{change} changed the output at token {token} (batch row {row}) by {difference:.3g}"
    return Witness(text, changed, token, row, difference)


def length(
    subject: Subject, streams: Streams, tolerance: float, chunk: int | None = None
) -> Verdict:
    """f(x)[:p] = f(x[:p]): an output does not depend on how much follows."""
    time = streams[0].shape[1]
    places = cuts(time, chunk)
    if not places:
        return not_applicable("length", f"a sequence of {time} has no shorter prefix")
    whole, worst = subject.outputs(streams), 0.0
    for p in places:
        part = subject.outputs([x[:, :p] for x in streams])
        for x, y in zip(part, whole, strict=True):
            error = compare(x, y[:, :p], tolerance)
            worst = max(worst, error.ratio)
            if error.ratio > 1:
                text = (
                    f"without the tokens from {p} on, the output at token {error.token} "
                    f"(batch row {error.row}) differs by {error.difference:.3g}"
                )
                witness = Witness(text, p, error.token, error.row, error.difference)
                return fails("length", witness, ratio=error.ratio)
    return holds("length", f"prefixes {places} alone equal those of the whole", worst)


def gradient(
    subject: Subject, streams: Streams, generator: torch.Generator, chunk: int | None = None
) -> Verdict:
    """Outputs <= t send exactly zero gradient to inputs > t."""
    time = streams[0].shape[1]
    if not any(x.is_floating_point() for x in streams):
        return not_applicable("gradient", "the inputs are integers")
    places = cuts(time, chunk)
    if not places:
        return not_applicable("gradient", f"a sequence of {time} has no later token")
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in streams]
    outputs = [x for x in subject.differentiable(leaves) if x.requires_grad]
    if not outputs:
        return not_applicable("gradient", "no output is differentiable")
    for p in places:
        witness = _future_gradient(leaves, outputs, p, generator)
        if witness is not None:
            return fails("gradient", witness)
    return holds("gradient", f"from outputs before {places}: exactly zero to later tokens")


def _future_gradient(
    leaves: Sequence[Tensor], outputs: Sequence[Tensor], p: int, generator: torch.Generator
) -> Witness | None:
    wanted = [x for x in leaves if x.requires_grad]
    total = torch.stack(
        [(y[:, :p] * torch.randn(y[:, :p].shape, generator=generator)).sum() for y in outputs]
    ).sum()
    grads = torch.autograd.grad(
        total, wanted, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    for grad in grads:
        size = (
            grad[:, p:].detach().abs().flatten(2).amax(2) if grad.dim() > 2 else grad[:, p:].abs()
        )
        if (size != 0).any():
            token = int((size != 0).any(0).int().argmax())
            row = int((size[:, token] != 0).int().argmax())
            sent = float(size[row, token])
            text = (
                f"outputs up to token {p - 1} send gradient {sent:.3g} to token {p + token} "
                f"(batch row {row})"
            )
            return Witness(text, p + token, p - 1, row, sent)
    return None
