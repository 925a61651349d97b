"""`check`: every law that applies to a module, with a witness for each that fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from asiarch.laws import causality, resources, rows
from asiarch.laws.equality import Reference, parallel_equals_recurrent
from asiarch.laws.form import Axes, Form, NotASequence, Streams, discover
from asiarch.laws.inputs import made_up
from asiarch.laws.repeat import settle
from asiarch.laws.ringmode import RingError, RingMode
from asiarch.laws.rounding import Wide, widened
from asiarch.laws.subject import ExactSubject, Subject, double
from asiarch.laws.tolerances import EXACT, SAME_CODE
from asiarch.laws.verdict import Report, Verdict, fails, not_applicable

ZEROS = 0.1
"""Standard deviation of what replaces parameters that are all zero."""

Law = tuple[str, Callable[[], Verdict]]


def check(
    module: nn.Module,
    inputs: Sequence[Tensor] | Tensor | None = None,
    *,
    chunk: int | None = None,
    reference: Reference | None = None,
    ring: bool = False,
    resources_at: int | None = None,
    seed: int = 0,
    form: Form | None = None,
    stranger: bool = False,
    ahead: int = 0,
) -> Report:
    """Try all laws on a copy of a torch module, in the mode (train or eval) that it is in.

    inputs: the streams [batch, time, ...], best with two rows and 33 tokens or more; None asks
    `module.example_inputs(batch, time, generator)`, or draws them to fit the first layer.
    chunk: the module's chunk size, to cut around its multiples. reference: a token loop called as
    reference(module, *streams) for the law parallel = recurrent, in the ring, float64 and float32.
    ring: also try the laws of rows in exact arithmetic, where rounding hides nothing.
    resources_at: also count operators and held bytes, at this many tokens.
    form: how the module is called, where it is not forward(*streams). stranger: prefix and gradient
    may differ by rounding (an FFT), and a law in which the module raises does not apply.
    ahead: how many later tokens an output may depend on, as `lookahead(k)` claims.
    Raises ValueError when no inputs are given and none can be made up.
    """
    generator = torch.Generator().manual_seed(seed)
    form = form or Form()
    if inputs is None:
        streams, form = made_up(module, generator, form)
    else:
        streams = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        subject = _subject(module, form, streams)
    except NotASequence as reason:
        refused = not_applicable("sequence", str(reason))
        return Report(type(module).__name__, (refused,))
    verdicts = behaviour(subject, streams, generator, chunk, stranger, ahead=ahead)
    if not subject.repeats:
        return Report(subject.name, tuple(verdicts))
    if ring:
        verdicts += _exact(module, streams, generator, chunk, ahead)
    if resources_at is not None:
        verdicts += _resources(subject, streams, chunk, resources_at)
    for oracle in ("ring", "float64", "float32") if reference is not None else ():
        assert reference is not None
        verdicts.append(
            _guard(
                f"parallel = recurrent, {oracle}",
                lambda o=oracle: parallel_equals_recurrent(
                    module, reference, streams, o, generator=generator
                ),
            )
        )
    return Report(subject.name, tuple(verdicts))


def audit(
    module: nn.Module,
    inputs: Sequence[Tensor] | None = None,
    *,
    form: Form | None = None,
    modes: Sequence[str] = ("eval", "train"),
    time: int | None = None,
    chunk: int | None = None,
    seed: int = 0,
) -> Report:
    """Every law on anybody's module, in evaluation mode and then in training mode.

    In training mode prefix, gradient and batch are tried again, if it computes something else
    there; verdicts of that mode end in ", training". Raises ValueError as `check` does.
    """
    generator = torch.Generator().manual_seed(seed)
    form = form or Form()
    first = _in_mode(module, modes[0])
    streams, form = (
        made_up(first, generator, form, time=time) if inputs is None else (tuple(inputs), form)
    )
    evaluated = _subject(first, form, streams)
    called = described(evaluated, streams)
    verdicts = behaviour(evaluated, streams, generator, chunk, True)
    if len(modes) > 1 and evaluated.repeats:
        subject = _subject(_in_mode(module, modes[1]), form, streams)
        wanted = ("deterministic", "prefix", "gradient", "batch")
        if _same_outputs(evaluated, subject, streams):
            wanted = ("gradient",)
        tried = behaviour(subject, streams, generator, chunk, True, wanted)
        verdicts += [_named(_in_training(v, subject), "training") for v in tried]
    return Report(evaluated.name, tuple(verdicts), called)


def _in_training(verdict: Verdict, subject: Subject) -> Verdict:
    """Training may keep state between calls: running statistics, power iterations."""
    if verdict.law == "deterministic" and verdict.status == "failed" and subject.repeats:
        return not_applicable(verdict.law, verdict.detail)
    return verdict


def described(subject: Subject, streams: Streams) -> str:
    """How the subject is called: `forward(x float32 [batch 3, time 65, 32])`."""
    axes = subject.form.axes or (Axes(),) * len(streams)
    shown: list[str] = []
    for name, x, at in zip(subject.stream_names(len(streams)), streams, axes, strict=False):
        sizes = [str(n) for n in at.place(x).shape]
        sizes[at.batch], sizes[at.time] = f"batch {x.shape[0]}", f"time {x.shape[1]}"
        kind = str(x.dtype).removeprefix("torch.")
        shown.append(f"{name} {kind} [{', '.join(sizes)}]")
    return f"{subject.form.method}({', '.join(shown)})"


def _same_outputs(one: Subject, other: Subject, streams: Streams) -> bool:
    pairs = zip(one.outputs(streams), other.outputs(streams), strict=True)
    return all(x.shape == y.shape and torch.equal(x, y) for x, y in pairs)


def _in_mode(module: nn.Module, mode: str) -> nn.Module:
    """A copy in that mode. What starts at zero is drawn: a closed gate would hide a leak."""
    try:
        copied = copy.deepcopy(module)
    except (TypeError, RuntimeError):
        return module.train(mode == "train")
    generator = torch.Generator().manual_seed(1)
    for parameter in copied.parameters():
        if parameter.is_floating_point() and not bool(parameter.detach().any()):
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.data.copy_(ZEROS * drawn)
    return copied.train(mode == "train")


def _subject(module: nn.Module, form: Form, streams: Streams) -> Subject:
    """The subject with its outputs' axes found. Raises NotASequence."""
    probe = Subject(module, form)
    with torch.no_grad():
        return Subject(module, discover(probe.call, form, streams))


def behaviour(
    subject: Subject,
    streams: Streams,
    generator: torch.Generator,
    chunk: int | None,
    stranger: bool,
    wanted: Sequence[str] = (),
    ahead: int = 0,
) -> list[Verdict]:
    """The laws of causality and of rows, all or those `wanted`, the law of repetition first."""
    repeated = settle(subject, streams)
    chosen = [repeated] if not wanted or "deterministic" in wanted else []
    if not subject.repeats:
        return [repeated]
    if stranger:
        chosen += _finite(subject.outputs(streams))
    wide = widened(subject, streams)
    judge = wide if stranger else None
    laws: list[Law] = [
        ("prefix", lambda: causality.prefix(subject, streams, generator, chunk, judge, ahead)),
        ("gradient", lambda: causality.gradient(subject, streams, generator, chunk, judge, ahead)),
        *_of_rows(wide, streams, generator, chunk, stranger, ahead),
    ]
    tried = [law for law in laws if not wanted or law[0] in wanted]
    return [*chosen, *(_guard(name, law, stranger) for name, law in tried)]


def _finite(outputs: Streams) -> list[Verdict]:
    """Outputs that are not finite hide whatever leaks into them: all of them, or some tokens'."""
    floats = [x for x in outputs if x.is_floating_point()]
    bad = [~x.isfinite().flatten(2).all(2) if x.dim() > 2 else ~x.isfinite() for x in floats]
    if not any(bool(b.any()) for b in bad):
        return []
    if all(bool(b.all()) for b in bad):
        return [fails("finite", "no output of any token is finite: no law can see anything")]
    tokens = sorted({int(t) for b in bad for t in b.any(0).nonzero()[:, 0]})
    said = ", ".join(map(str, tokens[:6])) + (", ..." if len(tokens) > 6 else "")
    return [not_applicable("finite", f"outputs are not finite at tokens {said}: they are not seen")]


def _of_rows(
    wide: Wide,
    streams: Streams,
    generator: torch.Generator,
    chunk: int | None,
    stranger: bool,
    ahead: int,
) -> list[Law]:
    """The laws that run the module at other sizes, in float64 where it can be had."""
    exact, x = wide.subject, double(streams) if wide.converted else streams
    tolerance = SAME_CODE[wide.inside]
    laws: list[Law] = [
        ("length", lambda: causality.length(exact, x, tolerance, chunk, stranger, ahead)),
        ("streaming", lambda: rows.streaming(exact, x, tolerance, chunk)),
        ("stepping", lambda: rows.stepping(exact, x, tolerance)),
        ("packing", lambda: rows.packing(exact, x, generator, tolerance)),
    ]
    if exact.seeded:
        why = "the module draws random numbers, and others at other sizes"
        laws = [(name, lambda n=name: not_applicable(n, why)) for name, _ in laws]
    batch: Law = ("batch", lambda: rows.batch(exact, x, generator, tolerance, stranger))
    return [laws[0], batch, *laws[1:]]


def _exact(
    module: nn.Module,
    streams: Streams,
    generator: torch.Generator,
    chunk: int | None,
    ahead: int,
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
        lambda: causality.length(subject, drawn, EXACT, chunk, ahead=ahead),
        lambda: rows.batch(subject, drawn, generator, EXACT),
        lambda: rows.streaming(subject, drawn, EXACT, chunk),
        lambda: rows.stepping(subject, drawn, EXACT),
        lambda: rows.packing(subject, drawn, generator, EXACT),
    ]
    tried = [_guard(name, law) for name, law in zip(names, laws, strict=True)]
    return [_named(verdict, "ring") for verdict in tried]


def _named(verdict: Verdict, where: str) -> Verdict:
    return replace(verdict, law=f"{verdict.law}, {where}")


def _resources(subject: Subject, streams: Streams, chunk: int | None, time: int) -> list[Verdict]:
    times = (time // 4, time // 2, time)
    return [
        _guard("no loop", lambda: resources.no_loop(subject, streams, time, chunk)),
        _guard("memory", lambda: resources.memory(subject, streams, times)),
    ]


def _guard(name: str, law: Callable[[], Verdict], stranger: bool = False) -> Verdict:
    """A module that raises where the law runs it has failed the law.

    A stranger's may: it promised nothing about single rows, other states or derivatives.
    """
    try:
        return law()
    except RingError as reason:
        return not_applicable(name, str(reason))
    except Exception as error:  # whatever a stranger's module raises is what is reported
        said = str(error).strip().split("\n")[0][:200]
        text = f"the module raised {type(error).__name__}: {said}"
        return not_applicable(name, text) if stranger else fails(name, text)
