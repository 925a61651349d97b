"""The law of repetition: the same input gives the same output; and how to go on where it does not.

Random numbers are no fault: each call then starts from one seed. State kept between calls is one,
and every further call gets a fresh copy of the module, so that the other laws can still be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from asiarch.laws.form import Streams
from asiarch.laws.subject import Subject
from asiarch.laws.tolerances import Error, compare
from asiarch.laws.verdict import Verdict, Witness, fails, holds, not_applicable


def settle(subject: Subject, streams: Streams) -> Verdict:
    """Try twice the same; where it differs, make the subject repeatable if that can be done.

    Fails with the witness "the same input gave another output" if the module keeps state or
    cannot be made to repeat; `subject.repeats` says which.
    """
    plain = _difference(subject, streams)
    if plain is None:
        return holds("deterministic", "twice the same")
    kept = _kept(subject.module, streams, subject)
    for random_numbers, fresh in ((True, False), (False, True), (True, True)):
        subject.seeded, subject.fresh = random_numbers, fresh
        if _difference(subject, streams) is None:
            break
    else:
        subject.repeats = False
        return fails("deterministic", _witness(plain, "and no seed or fresh copy makes it repeat"))
    if not subject.fresh:
        return not_applicable(
            "deterministic", "the module draws random numbers: every call starts from one seed"
        )
    names = f" ({', '.join(f'`{n}`' for n in kept)})" if kept else ""
    text = f"the module keeps state between calls{names}; the other laws call fresh copies"
    return fails("deterministic", _witness(plain, text))


def _difference(subject: Subject, streams: Streams) -> Error | None:
    first, second = subject.outputs(streams), subject.outputs(streams)
    for x, y in zip(first, second, strict=True):
        if x.shape != y.shape:
            return Error(1.0, float("inf"), 0, 0)
        error = compare(y, x, 1.0)
        if error.difference > 0:
            return error
    return None


def _witness(error: Error, why: str) -> Witness:
    text = (
        f"the same input gave another output at token {error.token} (batch row {error.row}), "
        f"by {error.difference:.3g}: {why}"
    )
    return Witness(text, None, error.token, error.row, error.difference)


def _kept(module: nn.Module, streams: Streams, subject: Subject) -> list[str]:
    """Buffers and attributes that a call changes, at most three."""
    before = dict(_state(module))
    copies = {k: v.clone() if isinstance(v, Tensor) else v for k, v in before.items()}
    subject.outputs(streams)
    return [k for k, v in _state(module) if not _same(v, copies.get(k))][:3]


def _state(module: nn.Module) -> Iterator[tuple[str, Any]]:
    parts: dict[str, nn.Module] = dict(cast(Any, module).named_modules())
    for name, part in parts.items():
        prefix = f"{name}." if name else ""
        for key, value in {**part.__dict__, **part._buffers}.items():  # pyright: ignore[reportPrivateUsage]
            if isinstance(value, (Tensor, int, float, str)):
                yield prefix + key, value


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return x.shape == y.shape and bool(torch.equal(x, y))
    return type(x) is type(y) and x == y
