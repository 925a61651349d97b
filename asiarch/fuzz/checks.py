"""What is checked of a drawn program, by the laws that exist: each a function of a `Case`.

A check gives None, or one line that says what is wrong. `NotJudged` says why one cannot decide:
numbers that overflow, or a program in which rounding decides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from asiarch.analysis.report import OpReport, Report, check_tree
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.fuzz.leaks import leak
from asiarch.fuzz.meaning import NotNested, apart, by_calls, other_spellings
from asiarch.fuzz.nodes import beyond, outside_ranges, unsound_grade
from asiarch.fuzz.program import Program
from asiarch.fuzz.rounding import explains, keeping
from asiarch.fuzz.surface import run as surface_run
from asiarch.interface import BackendError, elaborate, elaborate_tree
from asiarch.ir.domains.cost import Costs
from asiarch.ir.domains.counts import counted
from asiarch.ir.domains.ranges import ranges
from asiarch.ir.domains.taint import offsets_of, taint
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame
from asiarch.ir.text import print_function, read_function
from asiarch.language.formatter import format
from asiarch.language.parser import ParseResult, parse

SHORT = 9
SURFACE = 7
"""Tokens of the slowest run; reads reach six back."""
LARGE, SMALL = 1e6, 1e-290
REFERENCE_ALONE = ("in a loss", "every token of the sequence", "later tokens without bound",
                   "the past alone")  # fmt: skip
"""What a backend refuses by name: whole sequences, and later tokens without bound or in a loop."""
AHEAD = {"E0301", "E0303"}
"""Codes of programs that read ahead, against what they claim."""
ROUNDED = ("length", "batch", "streaming", "stepping", "packing")
"""Laws that compare numbers of two runs; the others compare bits."""
UNPLACED = "packing"
"""Its witness names a token of a document, the others' one of the streams."""


class NotJudged(Exception):
    """A check that does not apply, or cannot decide."""


class Case:
    """One program with what its checks share, made when first asked for."""

    def __init__(self, program: Program, seed: int = 0) -> None:
        self.program, self.seed = program, seed

    @cached_property
    def tree(self) -> ParseResult:
        return parse(self.program.text)

    @cached_property
    def report(self) -> Report:
        return check_tree(self.tree, witnesses=False, warnings=False)

    @cached_property
    def concrete(self) -> Function:
        return elaborate_tree(self.tree, self.program.op, self.program.named_sizes)

    @cached_property
    def flat(self) -> Function:
        return flatten(self.concrete)

    @cached_property
    def read(self) -> Frame:
        """Which tokens each token of each value reads, in rows of `SHORT`."""
        return taint(self.flat, SHORT)

    @cached_property
    def params(self) -> dict[str, Any]:
        return initial_values(self.flat, self.seed)

    @cached_property
    def module(self) -> Any:
        from asiarch.interface import compile

        return compile(self.program.text, self.program.op, self.program.named_sizes,
                       seed=self.seed, chunk=self.program.chunk)  # fmt: skip

    @property
    def time(self) -> int:
        """More than three blocks, and not a multiple of one."""
        return 3 * self.program.chunk + 1

    def streams(self, batch: int, time: int, more: int = 0) -> list[Any]:
        """Standard normal numbers, ids of tokens; others for another `more`."""
        rng = np.random.default_rng(self.seed + more)
        return [self._stream(leaf.type, batch, time, rng) for leaf in self.flat.inputs]

    def _stream(self, kind: Any, batch: int, time: int, rng: Any) -> Any:
        if kind.mode == "token":
            return rng.integers(0, int(self.flat.axes[kind.vocab].integer or 2), (batch, time))
        sizes = [int(self.flat.axes[a].integer or 0) for a in kind.axes]
        lead = (batch, time) if kind.stream else ()
        return rng.standard_normal((*lead, *sizes))

    @property
    def verdict(self) -> OpReport:
        """What was found of the definition. Raises NotJudged where the program is rejected."""
        if not self.report.ok:
            raise NotJudged("rejected")
        return self.report.ops[self.program.op]

    @property
    def ahead(self) -> int:
        """How many later tokens a result may depend on, as the grade of the definition says."""
        return int(max(0, self.verdict.grade[1]))

    def causal(self) -> bool:
        """Is the definition taken as causal? Raises NotJudged where there is another error."""
        wrong = {d.code for d in self.report.diagnostics if d.severity == "error"}
        if wrong - AHEAD:
            raise NotJudged("rejected")
        return not wrong and self.report.ops[self.program.op].causal


Check = Callable[[Case], "str | None"]
CHECKS: dict[str, Check] = {}


def law(name: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return register


# -- without running anything ----------------------------------------------------------------------


@law("accepted")
def accepted(case: Case) -> str | None:
    """A program that is causal by construction is accepted."""
    for diagnostic in case.report.diagnostics:
        if diagnostic.severity == "error":
            return f"{diagnostic.code}: {diagnostic.message}"
    if case.program.op not in case.report.ops:
        return "the definition has no report"
    return None


@law("grade")
def grade(case: Case) -> str | None:
    """What is read, token by token, lies in the grade of the definition."""
    accepted = case.causal()
    said = unsound_grade(case.read)
    found = case.report.ops.get(case.program.op)
    if said is not None or found is None:
        return said
    if accepted and any(max(o) > 0 for o in offsets_of(case.read).values()):
        return "a later token is read by what is taken as causal"
    facts = found.facts
    names = dict(zip(case.concrete.input_names, facts.function.inputs, strict=True))
    for (output, which), offsets in offsets_of(case.read).items():
        leaf = names[case.concrete.input_names[which]]
        reads = facts.grades[output].of(leaf)
        if reads is None or min(offsets) < reads.low or max(offsets) > reads.high:
            return f"output {output} reads input {which} at {sorted(offsets)}, its grade is {reads}"
    return None


@law("causal")
def causal(case: Case) -> str | None:
    """If accepted as causal, other values of later tokens change no bit of an earlier output; if
    not, a later token is read.
    """
    if not case.causal():
        if not any(max(offsets) > 0 for offsets in offsets_of(case.read).values()):
            raise NotJudged("refused, though no later token is read")
        return None
    token = leak(Reference(case.flat, case.params), case.flat.inputs, case.streams(1, SHORT),
                 case.streams(1, SHORT, 1))  # fmt: skip
    return None if token is None else f"changing tokens from {token} on changes an output before it"


@law("text")
def text(case: Case) -> str | None:
    """The listing of the program's function is read back to the same nodes."""
    for function in (case.concrete, case.flat):
        printed = print_function(function)
        back = read_function(printed)
        if print_function(back) != printed:
            return "the listing that is read back prints otherwise"
        if any(a is not b for a, b in zip(function.nodes(), back.nodes(), strict=True)):
            return "the listing is read back to other nodes"
    return None


@law("format")
def formatted(case: Case) -> str | None:
    """Formatting is idempotent; another layout has the same function and parameters."""
    once = format(case.program.text)
    if format(once) != once:
        return "formatting twice is not formatting once"
    spread = _spread(case.program.text, random.Random(case.seed))
    if format(format(spread)) != format(spread):
        return "formatting another layout twice is not formatting it once"
    other = elaborate(format(spread), case.program.op, case.program.named_sizes)
    if sorted(p.path for p in flatten(other).params) != sorted(p.path for p in case.flat.params):
        return "parameters have other paths in another layout"
    if print_function(other) != print_function(case.concrete):
        return "another layout has another function"
    return None


def _spread(source: str, rng: random.Random) -> str:
    """The text with comments, and with other blanks at the ends of lines."""
    lines: list[str] = []
    for line in source.splitlines():
        lines.append(line + rng.choice(["", "  ", "  # a remark"]))
        if rng.random() < 0.2:
            lines += ["", "", "# another"]
    return "\n".join(lines) + "\n"


@law("range")
def in_range(case: Case) -> str | None:
    """Values that the reference computes lie in their ranges."""
    function = case.verdict.facts.function
    whole = ranges(function)
    known = [whole.values[o] for o in function.outputs]
    rng = np.random.default_rng(case.seed)
    params: dict[str, Any] = {k: v + rng.standard_normal(v.shape) for k, v in case.params.items()}
    with np.errstate(all="ignore"):
        frame = Reference(case.flat, params).frame(case.streams(1, SHORT))
    for found, output in zip(known, case.flat.outputs, strict=True):
        said = beyond(found, np.asarray(frame.values[output], float))
        if said is not None:
            return said
    return outside_ranges(case.flat, frame)


@law("cost")
def cost(case: Case) -> str | None:
    """The reference does not execute more operations than the cost says."""
    with np.errstate(all="ignore"):
        _, operations = counted(case.flat, case.params, case.streams(1, SHORT), SHORT)
    names = {"T": SHORT} | {a: int(s.integer or 0) for a, s in case.flat.axes.items()}
    for function in (case.flat, case.concrete):
        said = Costs().summary(function).work.evaluate(names)
        if operations > said:
            return f"{operations} operations are more than {said}"
    return None


@law("calls")
def calls(case: Case) -> str | None:
    """Calls and layers that are run, one by one, give what the inlined graph gives."""
    try:
        return by_calls(case.concrete, case.flat, case.params, case.streams(1, SHORT))
    except NotNested as reason:
        raise NotJudged(str(reason)) from None


@law("spelling")
def spelling(case: Case) -> str | None:
    """Other spellings of the program give the same numbers."""
    program, streams = case.program, case.streams(1, SHORT)
    said, difference = other_spellings(program.text, program.op, program.named_sizes, case.flat,
                                       case.params, streams, case.seed)  # fmt: skip
    if said is not None:
        _judge(case, case.flat, streams, difference, 1e-15)
    return said


@law("surface")
def surface(case: Case) -> str | None:
    """The interpreter of the syntax tree gives what the reference gives, losses too."""
    program, streams = case.program, case.streams(1, SURFACE)
    rng = np.random.default_rng(case.seed)
    params: dict[str, Any] = {k: v + 0.3 * rng.standard_normal(v.shape)
                              for k, v in case.params.items()}  # fmt: skip
    with np.errstate(all="ignore"):
        frame = Reference(case.flat, params).frame(streams)
        expected = [frame.domain.full(o.type, frame.values[o]) for o in case.flat.outputs]
        losses: list[Any] = [frame.domain.full(n.type, frame.values[n]) for n in case.flat.losses]
    found = surface_run(program.text, program.op, program.named_sizes, params, streams)
    if found.loss is not None:
        found.results.append(np.asarray(found.loss))
        total: float = sum(float(np.mean(np.asarray(x))) for x in losses)
        expected.append(np.asarray(total))
    difference = apart(found.results, expected)
    if not difference:
        return None
    _judge(case, case.flat, streams, difference, 1e-15)
    return f"the text gives other numbers, by {difference:.3g}"


# -- running the module ----------------------------------------------------------------------------


@law("ring")
def ring(case: Case) -> str | None:
    """The emitted module equals the token loop in every bit of the ring, gradients too."""
    from asiarch.laws.program import exact

    verdict = exact(case.flat, case.module, batch=2, time=case.time, seed=case.seed)
    return None if verdict.ok else str(verdict)


@law("float64")
def float64(case: Case) -> str | None:
    """The emitted module equals the token loop in float64."""
    from asiarch.laws.program import real

    streams = _tame(case)
    verdict = real(case.flat, case.module, streams)
    return None if verdict.ok else _unless_rounding(case, streams, verdict, 1e-15)


@law("float32")
def float32(case: Case) -> str | None:
    """The emitted module errs in float32 as a token loop does."""
    from asiarch.laws.program import single

    streams = _tame(case)
    verdict = single(case.flat, case.module, streams)
    if verdict.ok:
        return None
    return _unless_rounding(case, streams, verdict, 1e-7)  # one loop may be exact by luck


@law("loss")
def loss(case: Case) -> str | None:
    """What a trainer adds to its own loss is the sum of the program's losses, each a mean."""
    import copy

    import torch

    from asiarch.train.trainer import auxiliary_loss

    if not case.flat.losses:
        raise NotJudged("no loss")
    streams = _tame(case)
    module = copy.deepcopy(case.module).double().eval()
    with torch.no_grad():
        module(*(torch.as_tensor(np.asarray(s)) for s in streams))
    params = {k: v.numpy() for k, v in module.state_dict().items()}
    frame = Reference(case.flat, params).frame(streams)
    values: list[Any] = [frame.domain.full(n.type, frame.values[n]) for n in case.flat.losses]
    wanted: float = sum(float(np.asarray(v).mean()) for v in values)
    found = float(auxiliary_loss(module.modules()))
    size: float = sum(float(np.abs(np.asarray(v)).mean()) for v in values)
    if abs(found - wanted) > 1e-9 * size:
        return f"the module's loss is {found}, the program's {wanted}"
    return None


def _tame(case: Case) -> list[Any]:
    """Streams on which the reference stays finite and of moderate size."""
    streams = case.streams(2, case.time)
    params = {k: v.astype(np.float32).astype(np.float64) for k, v in case.params.items()}
    with np.errstate(all="ignore"):
        frame = Reference(case.flat, params).frame(streams)
        for value in frame.values.values():
            array = np.asarray(value, float)
            if not np.isfinite(array).all() or (array.size and np.abs(array).max() > LARGE):
                raise NotJudged("values overflow")
            if ((array != 0) & (np.abs(array) < SMALL)).any():
                raise NotJudged("values underflow: a sign may be that of 0")
    return streams


def _unless_rounding(case: Case, streams: Sequence[Any], verdict: Any, size: float) -> str:
    """What a law's failure says. Raises NotJudged where rounding alone explains its witness."""
    seen = verdict.witness
    if seen is None or seen.difference is None:
        return str(verdict)
    token = seen.affected_token if verdict.law != UNPLACED else None
    flat = keeping(case.flat) if seen.in_state else case.flat
    _judge(case, flat, streams, seen.difference, size, token, seen.output)
    return str(verdict)


def _judge(
    case: Case, flat: Function, streams: Sequence[Any], difference: float, size: float,
    token: int | None = None, output: int | None = None,
) -> None:  # fmt: skip
    """Raises NotJudged where rounding alone explains the difference."""
    params = {k: v.astype(np.float32).astype(np.float64) for k, v in case.params.items()}
    if explains(flat, params, streams, difference, size, token, output, seed=case.seed):
        raise NotJudged("rounding decides the result")


@law("laws")
def module_laws(case: Case) -> str | None:
    """Prefix, length, gradient, batch, streaming, stepping and packing of the emitted module."""
    import torch

    from asiarch.laws import check as check_module

    streams = [torch.as_tensor(np.asarray(s)) for s in _tame(case)]
    given = [s.float() if s.is_floating_point() else s for s in streams]
    report = check_module(case.module.eval(), given, chunk=case.program.chunk, seed=case.seed,
                          ahead=case.ahead)  # fmt: skip
    wrong = report.failures
    if not wrong:
        return None
    if wrong[0].law in ROUNDED:
        return _unless_rounding(case, _tame(case), wrong[0], 1e-15)
    return str(wrong[0])


STATIC = ("accepted", "grade", "causal", "text", "format", "range", "cost", "calls", "spelling",
          "surface")  # fmt: skip
RUNNING = ("ring", "float64", "float32", "loss", "laws")
EVERY = (*STATIC, *RUNNING)


def first_failure(case: Case, names: Sequence[str] = EVERY) -> tuple[str, str] | None:
    """The first check that fails, and what it says; an exception is a failure too."""
    failure, _ = judged(case, names)
    return failure


def _ring_error() -> tuple[type[Exception], ...]:
    """What says that the ring cannot read an operator; loads torch."""
    from asiarch.laws.ringmode import RingError

    return (RingError,)


def judged(
    case: Case, names: Sequence[str] = EVERY
) -> tuple[tuple[str, str] | None, dict[str, str]]:
    """The first failure, and why checks did not judge."""
    left: dict[str, str] = {}
    unread = _ring_error() if any(n in RUNNING for n in names) else ()
    for name in names:
        try:
            said = CHECKS[name](case)
        except NotJudged as reason:
            left[name] = str(reason)
            continue
        except unread as error:
            left[name] = str(error)
            continue
        except BackendError as error:
            if any(what in str(error) for what in REFERENCE_ALONE):
                left[name] = str(error)
                continue
            said = str(error)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        if said is not None:
            return (name, said), left
    return None, left


__all__ = ["CHECKS", "EVERY", "RUNNING", "STATIC", "Case", "NotJudged", "first_failure", "judged"]
