"""Mutants of rules, made from the registry of primitives and the methods of the fact domains.

A mutant changes one datum of one primitive (its meaning in float64 or the ring, a derivative, its
range, its spelling), or what one transfer function of grade, cost or range gives. The ordinary laws
run on the smallest drawn programs that hold the operator, in a process of their own; a mutant that
no law fails on survives.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asiarch.fuzz.checks import Case, first_failure
from asiarch.fuzz.generate import draw
from asiarch.fuzz.policy import Policy
from asiarch.fuzz.program import Program
from asiarch.fuzz.slope import slope
from asiarch.ir.domains.cost import Costs
from asiarch.ir.domains.grade import Grade, Grades, Reads
from asiarch.ir.domains.ranges import Ranges
from asiarch.ir.interval import INF, Range
from asiarch.ir.primitive import Primitive, registry

MEANINGS = ("pointwise", "reduce", "keep")
FLAT = ("less", "less_equal", "equal", "not_equal", "and", "or", "not", "floor", "sign", "step")
"""Their derivatives are 0, which has no sign."""

COSTS = {"pointwise": "mul", "contract": "contract", "reduce": "sum", "keep": "softmax",
         "cumulative": "cumulative", "attend": "attend"}  # fmt: skip
TIMES = {"delay": "delay", "window": "window", "cumulative": "cumulative", "attend": "attend"}
LAWS = {
    "float64": ("float64", "float32", "range", "surface"),
    "ring": ("ring",),
    "derivative": ("ring", slope.__name__),
    "spelling": ("float64", "ring"),
    "range": ("range",),
    "grade": ("grade", "causal"),
    "cost": ("cost",),
}
"""Laws that a change of such a rule can make fail."""
SMALL = Policy("small", statements=(1, 2), depth=2, helpers=1, largest=3)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`apply` changes the rule in this process. `op`: the operator that must occur. `laws`: those
    that look at such a rule.
    """

    name: str
    op: str
    apply: Callable[[], None]
    laws: tuple[str, ...]


# -- of primitives ---------------------------------------------------------------------------------


def _changed(name: str, **fields: Any) -> Callable[[], None]:
    def apply() -> None:
        registry()[name] = replace(registry()[name], **fields)

    return apply


def _negated(rule: Any, domain: Callable[[Any, Any], Any]) -> Any:
    def changed(A: Any, *values: Any) -> Any:
        return domain(A, rule(A, *values))

    return changed


def _swapped(rule: Any) -> Any:
    def changed(A: Any, x: Any, y: Any, *rest: Any) -> Any:
        return rule(A, y, x, *rest)

    return changed


def _cut(image: Any, side: str) -> Any:
    """The image without its upper or its lower half."""

    def narrow(V: Any, *values: Any) -> Any:
        return halved(image(V, *values), side)

    return narrow


def halved(found: Range, side: str) -> Range:
    low = -1.0 if found.low == -INF else found.low
    high = 1.0 if found.high == INF else found.high
    middle = (low + high) / 2
    if side == "upper":
        return Range(found.low, middle, found.low_open)
    return Range(middle, found.high, False, found.high_open)


def of_primitive(p: Primitive) -> Iterable[Mutant]:
    """Sign, swapped operand, lost derivative, narrow range, each as one datum of the primitive."""

    def mutant(what: str, **fields: Any) -> Mutant:
        laws = next(laws for kind, laws in LAWS.items() if what.startswith(kind))
        return Mutant(f"{p.name}.{what}", p.name, _changed(p.name, **fields), laws)

    if p.kind not in MEANINGS:
        return
    if p.float64 is not None:
        yield mutant("float64.sign", float64=_negated(p.float64, lambda np, x: 0.0 - x))
    if p.ring is not None:
        yield mutant("ring.sign", ring=_negated(p.ring, lambda R, x: R.sub(R.mul(x, 0), x)))
    if p.kind == "pointwise" and len(p.derivative) == 2:
        yield mutant("float64.swapped", float64=_swapped(p.float64))
        if p.name not in FLAT:
            yield mutant("derivative.swapped", derivative=p.derivative[::-1])
    for index, rule in enumerate(p.derivative if p.name not in FLAT else ()):
        lost = [*p.derivative]
        lost[index] = _negated(rule, lambda A, x: A.sub(A.number(0), x))
        yield mutant(f"derivative{index}.sign", derivative=tuple(lost))
    if p.image is not None:
        for side in ("upper", "lower"):
            yield mutant(f"range.no_{side}_half", image=_cut(p.image, side))
    torch = p.spelling.get("torch", "")
    if torch and p.kind == "pointwise":
        yield mutant("spelling.sign", spelling={**p.spelling, "torch": f"(-({torch}))"})
        if "{1}" in torch and "{2}" not in torch:
            text = torch.replace("{0}", "{2}").replace("{1}", "{0}").replace("{2}", "{1}")
            yield mutant("spelling.swapped", spelling={**p.spelling, "torch": text})


# -- of domains ------------------------------------------------------------------------------------


def _result(cls: type, method: str, change: Callable[[Any], Any]) -> Callable[[], None]:
    """The method with its result changed."""

    def apply() -> None:
        before = getattr(cls, method)

        def after(self: Any, node: Any, *values: Any) -> Any:
            return change(before(self, node, *values))

        setattr(cls, method, after)

    return apply


def _later(grade: Grade) -> Grade:
    """The oldest token of each input is left out, unless there is one alone."""
    reads = ((n, Reads(min(r.low + 1, r.high), r.high, r.cause)) for n, r in grade.reads)
    return Grade(tuple(reads), grade.whole, grade.anchored)


def _unread(grade: Grade) -> Grade:
    return Grade(grade.reads[1:], grade.whole, grade.anchored)


def _now(grade: Grade) -> Grade:
    return Grade(tuple((n, Reads(0, 0)) for n, _ in grade.reads), grade.whole, grade.anchored)


def _free(self: Any, node: Any, *values: Any) -> None:
    return None


def _dropped(method: str) -> Callable[[], None]:
    return lambda: setattr(Costs, method, _free)


def of_domains() -> Iterable[Mutant]:
    """Weaker grades, dropped costs, narrower ranges."""
    for method, op in {**TIMES, "transfer": "add"}.items():
        for what, change in (("later", _later), ("unread", _unread), ("now", _now)):
            name = f"grade.{method}.{what}"
            yield Mutant(name, op, _result(Grades, method, change), LAWS["grade"])
    for method, op in COSTS.items():
        yield Mutant(f"cost.{method}.dropped", op, _dropped(method), LAWS["cost"])
    for method, op in TIMES.items():
        for side in ("upper", "lower"):
            cut = _half(side)
            name = f"range.{method}.no_{side}_half"
            yield Mutant(name, op, _result(Ranges, method, cut), LAWS["range"])


def _half(side: str) -> Callable[[Any], Any]:
    return lambda found: halved(found, side)


def mutants() -> list[Mutant]:
    return [*(m for p in registry().values() for m in of_primitive(p)), *of_domains()]


# -- judging ---------------------------------------------------------------------------------------


WRITTEN = tuple(
    Program(f"op main[D](x: Seq[D], y: Seq[D]) -> Seq[D] where causal {{\n{body}}}\n",
            "main", (("D", 3),))
    for body in (
        """
  a = (x < y) * x + (x <= y) * y + (0 * x == 0 * y) * x + (x != y) * y
  b = (x < 0.3 and y < 0.3) * x + (x < 0.3 or y < 0.3) * y + (not x < 0.1) * x
  c = max(x, y) - min(x, y) * 0.5 + x / (1 + abs(y)) + (x - y)
  d = erf(x) + floor(2 * x) - (t % 3) * x
  return a + b + c + d
""",
        """
  a = anneal(x, y, 10) + anneal(1, 2, 10) * x
  b = dropout[0.1](x * y) + select(x < y, x, y)
  return a + b
""",
        """
  return sigmoid(x) ^ sigmoid(y)
""",
        """
  return x % (0.4 + abs(y))
""",
        """
  return x % 2 + y
""",
        """
  a = softmax[D](x) * y + sqrt(abs(x) + 0.5) + step(x - 0.1) * y
  return a + conv[3](x)[t-1] - sign(x) * y
""",
    )
)  # fmt: skip
"""What drawn programs rarely have: truths as numbers, both operands as streams."""


def programs_by_op(
    seeds: range, each: int, wanted: Collection[str]
) -> Mapping[str, Sequence[Case]]:
    """Of every wanted operator, written programs that hold it and the smallest drawn ones, which
    pass every law; those that hold it inside of an `attend` alone come last. Their modules are
    made: a mutant finds them ready.
    """
    sizes: dict[str, list[tuple[bool, bool, int, int]]] = {}
    cases = [Case(draw(random.Random(seed), SMALL), seed) for seed in seeds]
    cases += [Case(p, seeds.stop) for p in WRITTEN]
    for number, case in enumerate(cases):
        nodes = case.flat.nodes()
        inner = {n.op for a in nodes if a.op == "attend" for n in a.attr("body").nodes()}
        outer = {n.op for n in nodes}
        for op in (outer | inner) & set(wanted):
            rank = (number < len(seeds), op not in outer, len(nodes), number)
            sizes.setdefault(op, []).append(rank)
    sound: dict[int, bool] = {}
    found: dict[str, list[Case]] = {}
    every = tuple(dict.fromkeys(law for laws in LAWS.values() for law in laws))
    for op, ranked in sizes.items():
        found[op] = []
        for *_, number in sorted(ranked):
            if number not in sound:
                sound[number] = first_failure(cases[number], every) is None
            if sound[number]:
                found[op].append(cases[number])
            if len(found[op]) == each:
                break
    return found


def killed(mutant: Mutant, cases: Sequence[Case], seconds: int = 60) -> str | None:
    """The law that fails under the mutant, `time` when it hangs; None when it survives.

    The rule is changed in a process of its own, forked from this one.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.alarm(seconds)
        os.write(write, (_first(mutant, cases) or "").encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode()
    _, status = os.waitpid(child, 0)
    return "time" if os.WIFSIGNALED(status) else said or None


def _first(mutant: Mutant, cases: Sequence[Case]) -> str | None:
    try:
        mutant.apply()
        for case in cases:
            if mutant.laws == LAWS["spelling"]:  # the module was printed by the sound rule
                case = Case(case.program, case.seed)
            failure = first_failure(case, mutant.laws)
            if failure is not None:
                return failure[0]
    except Exception as error:
        return type(error).__name__
    return None
