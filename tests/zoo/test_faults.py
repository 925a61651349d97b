"""Faults planted in the laws: the zoo notices each, by a leak missed or a twin accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from asiarch import laws
from asiarch.commands.support.construct import build
from asiarch.commands.support.target import find, load
from asiarch.laws import causality, inputs, rows
from asiarch.laws import report as auditing
from asiarch.laws.repeat import settle as settled
from asiarch.laws.subject import Subject
from asiarch.laws.verdict import holds
from tests.zoo.zoo import ROOT

Patch = Callable[[pytest.MonkeyPatch], None]


def replacing(owner: Any, name: str, value: Any) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def silent(law: str) -> Callable[..., laws.Verdict]:
    return lambda *_, **__: holds(law, "not looked at")


def last_token_alone(before: Any, after: Any, end: int) -> tuple[int, int, float] | None:
    for x, y in zip(before, after, strict=True):
        if end and not torch.equal(x[:, end - 1], y[:, end - 1]):
            return end - 1, 0, 1.0
    return None


def unseeded(subject: Subject, streams: Any) -> laws.Verdict:
    verdict = settled(subject, streams)
    subject.seeded = False
    return verdict


def evaluation_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = laws.audit
    monkeypatch.setattr(laws, "audit", lambda module: whole(module, modes=("eval",)))


def long_parts(subject: Any, streams: Any, borders: list[int]) -> Any:
    short = any(b - a < 3 for a, b in pairwise(borders[1:]))
    return subject.outputs(streams) if short else IN_PARTS(subject, streams, borders)


IN_PARTS = rows._in_parts


@dataclass(frozen=True)
class Fault:
    """missed, accused: pairs of the zoo whose leak is missed, whose twin is accused."""

    name: str
    patch: Patch
    missed: tuple[str, ...] = ()
    accused: tuple[str, ...] = ()


FAULTS = (
    Fault(
        "prefix: the last token before the change alone is compared",
        replacing(causality, "_first_change", last_token_alone),
        missed=("summary_tokens",),
    ),
    Fault(
        "prefix: changes begin at multiples of 32 alone",
        replacing(causality, "cuts", lambda time, chunk=None: (32,)),
        missed=("block_mean", "chunk_recurrence", "downsampled", "strided_patches"),
    ),
    Fault(
        "prefix: whatever is found counts as rounding",
        replacing(causality, "is_rounding", lambda *_: True),
        missed=("same_padding", "circular_fft"),
    ),
    Fault(
        "prefix: nothing counts as rounding",
        replacing(causality, "is_rounding", lambda *_: False),
        accused=("circular_fft", "minimum_phase"),
    ),
    Fault(
        "gradient: not looked at",
        replacing(causality, "gradient", silent("gradient")),
        missed=("future_in_gradient", "teacher_in_gradient"),
    ),
    Fault(
        "length: not looked at",
        replacing(causality, "length", silent("length")),
        missed=("position_from_end", "interpolated_positions", "temperature_of_length"),
    ),
    Fault(
        "batch: not looked at",
        replacing(rows, "batch", silent("batch")),
        missed=("batch_statistics", "expert_capacity"),
    ),
    Fault(
        "streaming: no part is shorter than three tokens",
        replacing(rows, "_in_parts", long_parts),
        missed=("convolution_state",),
    ),
    Fault(
        "packing: one document",
        replacing(rows.packing, "__defaults__", ((17,),)),
        missed=("packed_convolution", "packed_state", "packed_positions"),
    ),
    Fault(
        "stepping: not looked at",
        replacing(rows, "stepping", silent("stepping")),
        missed=("step_reads_before_writing",),
    ),
    Fault(
        "training mode is not tried",
        evaluation_alone,
        missed=("dropout_without_mask", "batch_norm"),
    ),
    Fault(
        "random numbers go on from call to call",
        replacing(auditing, "settle", unseeded),
        accused=("dropout_without_mask", "batch_norm"),
    ),
    Fault(
        "what starts at zero stays zero",
        replacing(auditing, "ZEROS", 0.0),
        missed=("closed_gate",),
    ),
    Fault(
        "the first axis is always the batch",
        replacing(inputs, "_is_time_first", lambda *_: False),
        accused=("time_first",),
    ),
)


def failures(kind: str, name: str) -> set[str]:
    torch.manual_seed(0)
    path = Path(ROOT / kind / f"{name}.py")
    module = load(str(path))
    target = find(module, str(path), "")
    report = laws.audit(build(target.__name__, target, {}, vars(module)).module)
    return {v.law for v in report.failures}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_zoo_notices(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    named = [("leaks", n) for n in fault.missed] + [("twins", n) for n in fault.accused]
    laws_of = {n: _law(n) for _, n in named}
    for kind, name in named:
        found = failures(kind, name)
        assert (laws_of[name] in found) == (kind == "leaks"), (name, found)
    fault.patch(monkeypatch)
    for name in fault.missed:
        assert laws_of[name] not in failures("leaks", name), name
    for name in fault.accused:
        assert failures("twins", name), name


def _law(name: str) -> str:
    text = (ROOT / "leaks" / f"{name}.py").read_text("utf-8")
    return text.split("\nlaw: ")[1].split("\n")[0]
