"""Statements of a body: equations, states, attends, loops, branches, calls, losses."""

from __future__ import annotations

from dataclasses import replace

from asiarch.fuzz.attention import draw_attend
from asiarch.fuzz.draw import Draw, Signature
from asiarch.fuzz.recurrences import draw_state
from asiarch.fuzz.term import Term, product

KINDS = {
    "equation": 2.0,
    "state": 2.4,
    "attend": 1.0,
    "call": 0.8,
    "library": 0.25,
    "loop": 0.7,
    "branch": 0.5,
    "loss": 0.4,
    "shadow": 0.3,
    "order": 0.25,
}


def draw_body(d: Draw, count: int, nested: bool = False) -> None:
    """`count` statements."""
    kinds = dict(KINDS)
    if not d.callable:
        del kinds["call"]
    if nested:
        del kinds["loop"], kinds["loss"], kinds["branch"]
    for _ in range(count):
        match d.weighted(list(kinds), kinds):
            case "equation":
                d.bind(d.expr(any_axes(d), d.policy.depth))
            case "state":
                draw_state(d)
            case "attend":
                draw_attend(d)
            case "call":
                draw_call(d)
            case "library":
                _library(d)
            case "loop":
                _loop(d)
            case "branch":
                _branch(d)
            case "loss":
                _loss(d)
            case "order":
                _order(d)
            case _:
                _shadow(d)


def any_axes(d: Draw) -> tuple[str, ...]:
    """None to three axes, mostly one or two."""
    axes = list(d.sizes)
    count = min(len(axes), (1, 2, 2, 1, 3, 0)[d.between(0, 5)])
    chosen: list[str] = []
    for _ in range(count):
        chosen.append(d.some([a for a in axes if a not in chosen]))
    return tuple(chosen)


def _order(d: Draw) -> None:
    """Two values over the same four axes that stand in different orders."""
    axes = d.rng.sample(list(d.sizes), min(4, len(d.sizes)))
    first = d.bind(d.adapted(d.some(d.streams()), tuple(axes)))
    other = [*first.axes]
    if d.chance(0.5):
        d.rng.shuffle(other)
    else:  # pairs exchanged, as a transposition of all but the leading axes has it
        other = [a for n in range(0, len(other), 2) for a in other[n : n + 2][::-1]]
    d.bind(product(first, d.param(tuple(other))))


def draw_call(d: Draw, signature: Signature | None = None) -> None:
    """Results of an earlier definition."""
    callee = signature or d.some(d.callable)
    name = callee.name
    callee = _other_axis(d, callee)
    if callee.shared and d.inner == 1 and d.chance(0.3):
        name = d.fresh("f")
        d.write(f"share {name} = {callee.name}")
        _called(d, callee, name, brackets=False)
    _called(d, callee, name, brackets=name == callee.name)


def _other_axis(d: Draw, callee: Signature) -> Signature:
    """The same, called with one of its axes under another name of the caller."""
    every = [axes for _, axes in callee.formals]
    mine = {a for axes in every for a in axes}
    taken = mine | {a for axes in callee.results for a in axes}
    pairs = [(a, b) for a in ("V", "M") if a in mine for b in d.sizes if b not in taken]
    if not pairs or not d.chance(0.4):
        return callee
    old, new = d.some(pairs)

    def moved(axes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if a == old else a for a in axes)

    formals = tuple((mode, moved(axes)) for mode, axes in callee.formals)
    needs = tuple(a for a in callee.needs if a != old)
    return replace(callee, formals=formals, results=tuple(map(moved, callee.results)), needs=needs)


LIBRARY = {
    "retention.retention_core": ("HK", "HK", "HV"),
    "gla.gla_core": ("HK", "HK", "HV", "HK"),
    "delta_net.delta_core": ("HK", "HK", "HV", "H"),
    "gated_delta_net.gated_delta_core": ("HK", "HK", "HV", "H", "H"),
    "kda.kda_core": ("HK", "HK", "HV", "HK", "H"),
}
"""Operators that any stream will do for; each gives Seq[H, V]."""


def _library(d: Draw) -> None:
    """A call of an operator of the library, by `use`."""
    if not {"H", "K", "V"} <= set(d.sizes):
        d.bind(d.expr(any_axes(d), d.policy.depth))
        return
    path = d.some(list(LIBRARY))
    d.uses.add(path)
    formals = tuple(("Seq", tuple(axes)) for axes in LIBRARY[path])
    name = path.rpartition(".")[2]
    _called(d, Signature(name, formals, (("H", "V"),), ("H", "K", "V")), name, brackets=False)


def _called(d: Draw, callee: Signature, name: str, brackets: bool) -> None:
    """One call; a shared definition has its brackets where it is shared."""
    d.used.update(callee.needs)
    arguments: list[str] = []
    for mode, axes in callee.formals:
        if mode == "Tensor":
            arguments.append(d.param(axes).text)
        else:
            arguments.append(d.expr(axes, 1, seq=True).text)
    explicit = [a for a in callee.needs if brackets and d.chance(0.15) and a != "K"]
    shown = f"[{', '.join(f'{a} = {a}' for a in explicit)}]" if explicit else ""
    names = [d.fresh("y") for _ in callee.results]
    d.write(f"{', '.join(names)} = {name}{shown}({', '.join(arguments)})")
    d.scope.extend(Term(n, axes, named=True) for n, axes in zip(names, callee.results, strict=True))


def _carried(d: Draw) -> Term:
    """A name that a block may give another value of its type."""
    own = [x for x in d.scope if x.seq and x.text[0] in "xyvo"]
    return d.some(own) if own else d.stream(any_axes(d), 1)


def _rebind(d: Draw, x: Term) -> None:
    """`x = ...` of x's own type, with x's order of axes."""
    value = d.expr(x.axes, 2, seq=True)
    d.write(f"{x.text} = {x.text} + 0.5 * {value.tight}")


def _loop(d: Draw) -> None:
    x = _carried(d)
    bound = d.some(["2", "L", "3", "4", "1"])
    if bound == "L":
        d.used.add("L")
    variable = d.fresh("n")
    with d.block(f"for {variable} in {bound}"):
        if d.chance(0.6):
            draw_body(d, 1, nested=True)
        if d.chance(0.4):
            with d.block(f"if {variable} % 2 == 1"):
                _rebind(d, x)
            if d.chance(0.4):
                d.lines.pop()
                with d.block("} else"):
                    _rebind(d, x)
        else:
            _rebind(d, x)
        if d.states and d.chance(0.5):
            _again(d, x)


def _again(d: Draw, x: Term) -> None:
    """One more equation of a state from above, or what it was, read in a block."""
    state = d.some(d.states)
    old = f"{state.text}[t-{d.between(1, 2)}]"
    if d.chance(0.6):
        d.write(f"{state.text} = 0.5 * {state.text} + 0.25 * {old}")
    if d.chance(0.6):
        read = d.adapted(Term(old, state.axes, True), x.axes)
        d.write(f"{x.text} = {x.text} + 0.5 * {read.tight}")


def _branch(d: Draw) -> None:
    x = _carried(d)
    d.used.add("L")
    condition = d.some(["L > 2", "L % 2 == 0", "L == 1"])
    with d.block(f"if {condition}"):
        if d.chance(0.4):
            draw_body(d, 1, nested=True)
        _rebind(d, x)
    if d.chance(0.5):
        d.lines.pop()
        with d.block("} else"):
            _rebind(d, x)


def _loss(d: Draw) -> None:
    x = d.stream(any_axes(d), 1)
    forms = ["({0}[t+1] - {0}) ^ 2", "{0} * mean[time]({0})", "{0} ^ 2"]
    if d.chance(0.15):  # the reference alone knows these
        forms = ["abs(fft[time]({0}))", "softmax[time]({0}) ^ 2", "topk[time, 2]({0})"]
    form = d.some(forms)
    if "[t+" in form and x.text in [s.text for s in d.states]:
        form = "{0} ^ 2"  # a state has no later value
    d.write(f"loss 0.1 * {form.format(x.text)}")


def _shadow(d: Draw) -> None:
    """An equation that gives a name another value."""
    x = _carried(d)
    value = d.expr(x.axes, 2, seq=True)
    d.write(f"{x.text} = {value.text}")
    d.scope[:] = [value_of(y, x, value) for y in d.scope]


def value_of(y: Term, x: Term, value: Term) -> Term:
    """`y`, with the type of the new value where it is the shadowed name."""
    if y is not x:
        return y
    return Term(x.text, value.axes, True, value.open, named=True)
