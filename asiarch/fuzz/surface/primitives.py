"""Operators with a rule of their own, by the words that call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from asiarch.fuzz.surface.calls import listed
from asiarch.fuzz.surface.entries import ENTRIES
from asiarch.fuzz.surface.frame import Frame, axes_of
from asiarch.fuzz.surface.static import whole
from asiarch.fuzz.surface.value import (
    NOWHERE,
    Axes,
    Thunk,
    Value,
    contracted,
    entrywise,
    kept,
    piled,
    reduced,
    scalar,
    selected,
    zeros_like,
)
from asiarch.language import ast

TIME = "time"


@dataclass(slots=True)
class Site:
    """A call of a primitive: brackets, values, and where its parameter stands."""

    f: Frame
    name: str
    brackets: ast.Brackets | None
    values: list[Thunk]
    path: str

    @property
    def slots(self) -> tuple[ast.Slot, ...]:
        return self.brackets.slots if self.brackets else ()

    @property
    def axes(self) -> Axes:
        """The slots without a name, as axes."""
        return listed(self.f, [s.value for s in self.slots if s.name is None])

    @property
    def arrow(self) -> Axes | None:
        if self.brackets is None or self.brackets.arrow is None:
            return None
        return listed(self.f, [s.value for s in self.brackets.arrow])

    @property
    def each(self) -> Axes:
        return listed(self.f, self.brackets.each) if self.brackets else ()

    def size(self, name: str, place: int, default: int = 1) -> int:
        free = [s.value for s in self.slots if s.name is None]
        for slot in self.slots:
            if slot.name == name:
                return whole(self.f, cast("ast.Expr", slot.value))
        return whole(self.f, cast("ast.Expr", free[place])) if place < len(free) else default


def primitive(site: Site) -> Thunk:
    """The value of a call. Raises KeyError for a word that calls none."""
    if (site.brackets is None and site.name in ENTRIES) or site.name == "dropout":
        return _entries(ENTRIES[site.name], site.values)
    return FORMS[site.name](site)


def _entries(rule: Callable[..., Any], operands: Sequence[Thunk]) -> Thunk:
    return lambda t, j: entrywise(rule, [x(t, j) for x in operands])


# -- along axes and over the whole sequence --------------------------------------------------------


def _reducing(rule: Callable[..., Any]) -> Callable[[Site], Thunk]:
    """`mean[A, time](x)`: over axes, and over every token."""

    def form(site: Site) -> Thunk:
        (x,), over = site.values, site.axes
        every = _sequence(site.f, x) if TIME in over else x
        return lambda t, j: reduced(rule, every(t, j), over)

    return form


def _keeping(rule: Callable[..., Any], *sizes: tuple[str, int]) -> Callable[[Site], Thunk]:
    """`softmax[A](x)`: the type stays, and so does the token."""

    def form(site: Site) -> Thunk:
        (x,), over = (
            site.values,
            tuple(a for a in site.axes if a in (*axes_of(site.values[0]), TIME)),
        )
        more = [site.size(*s) for s in sizes]
        every = _sequence(site.f, x) if TIME in over else x

        def at(t: int, j: int) -> Value:
            found = kept(partial(_called, rule, more), every(t, j), over)
            return found if TIME not in over else Value(found.axes[1:], found.data[max(t, 0)])

        return at

    return form


def _called(rule: Callable[..., Any], more: list[int], a: Any, dims: tuple[int, ...]) -> Any:
    return rule(a, dims, *more)


def _along(rule: Callable[..., Any], a: Any, dims: tuple[int, ...]) -> Any:
    return rule(a, axis=dims[0])


def _sequence(f: Frame, x: Thunk) -> Thunk:
    """Every token's value along an axis of its own, the same at each token."""

    def at(t: int, j: int) -> Value:
        tokens = [NOWHERE] if t == NOWHERE else range(f.run.time)
        return piled([x(s, s) for s in tokens], TIME)

    return at


def softmax(a: Any, dims: tuple[int, ...]) -> Any:
    raised = np.exp(a - np.max(a, axis=dims, keepdims=True))
    return raised / np.sum(raised, axis=dims, keepdims=True)


def _largest(a: Any, dims: tuple[int, ...], count: int) -> Any:
    """The `count` largest stay, the earlier of equals; the others are 0."""
    order = np.argsort(-a, axis=dims[0], kind="stable")
    rank = np.argsort(order, axis=dims[0], kind="stable")
    return np.where(rank < count, a, 0)


def _running(rule: Callable[[Any, Any], Any], along: Callable[..., Any]) -> Callable[[Site], Thunk]:
    """Over the tokens so far, or along an axis."""

    def form(site: Site) -> Thunk:
        (x,), over = site.values, site.axes
        if over != (TIME,):
            return lambda t, j: kept(partial(_along, along), x(t, j), over)

        def at(t: int, j: int) -> Value:
            total = x(min(t, 0), min(t, 0))
            for s in range(1, t + 1):
                total = entrywise(rule, [total, x(s, s)])
            return total

        return at

    return form


def _window(site: Site) -> Thunk:
    """The last n tokens as a new axis, the current one last; 0 before the document."""
    (x,), slot = site.values, site.slots[0]
    count = whole(site.f, cast("ast.Expr", slot.value))
    dilation = site.size("dilation", 1)
    axis = slot.name or next(iter(site.axes), "")
    axis = site.f.axis(axis) if axis else site.f.run.private("window")
    site.f.extents[axis] = count

    def at(t: int, j: int) -> Value:
        places = [t - (count - 1 - i) * dilation for i in range(count)]
        blank = zeros_like(x(NOWHERE, NOWHERE))
        return piled([x(p, p) if p >= 0 else blank for p in places], axis)

    return at


# -- maps, products, axes --------------------------------------------------------------------------


def _linear(site: Site) -> Thunk:
    """The weight has axes each ++ inputs ++ outputs."""
    (x,), each = site.values, site.each
    ins, outs = site.axes, site.arrow
    if outs is None:
        ins, outs = tuple(a for a in axes_of(x) if a not in each), ins
    marked = tuple(f"{a}'" for a in outs)  # an axis may be mapped to itself
    names = dict(zip(marked, outs, strict=True))
    weight = site.f.parameter(site.path, (*each, *ins, *outs))

    def at(t: int, j: int) -> Value:
        now, table = x(t, j), Value((*each, *ins, *marked), weight(t, j).data)
        rest = tuple(a for a in now.axes if a not in ins)
        return contracted(now, table, ins).ordered((*rest, *marked)).renamed(names)

    return at


def _select(site: Site) -> Thunk:
    c, x, y = site.values
    return lambda t, j: selected(c(t, j), x(t, j), y(t, j))


def _dot(site: Site) -> Thunk:
    (a, b), over = site.values, site.axes
    return lambda t, j: contracted(a(t, j), b(t, j), over)


def _expand(site: Site) -> Thunk:
    (x,) = site.values or [lambda t, j: scalar(0)]
    over = site.axes
    sizes = [site.f.extents[a] for a in over]

    def at(t: int, j: int) -> Value:
        now = x(t, j)
        return Value((*over, *now.axes), np.broadcast_to(now.data, (*sizes, *now.data.shape)))

    return at


def _index(site: Site) -> Thunk:
    (axis,) = site.axes
    counted = Value((axis,), np.arange(site.f.extents[axis], dtype=np.float64))
    return lambda t, j: counted


def _stack(site: Site) -> Thunk:
    (axis,) = site.axes
    site.f.extents[axis] = len(site.values)
    return lambda t, j: piled([x(t, j) for x in site.values], axis)


def _split(site: Site) -> Thunk:
    """Row-major, in the place of the axis."""
    (x,), (axis,), parts = site.values, site.axes, site.arrow or ()
    extents = site.f.extents
    known = [extents[p] for p in parts if p in extents]
    for part in parts:
        if part not in extents:
            extents[part] = extents[axis] // int(np.prod(known, dtype=int))
    sizes = [extents[p] for p in parts]

    def at(t: int, j: int) -> Value:
        now = x(t, j)
        n = now.axes.index(axis)
        shape = (*now.data.shape[:n], *sizes, *now.data.shape[n + 1 :])
        return Value((*now.axes[:n], *parts, *now.axes[n + 1 :]), now.data.reshape(shape))

    return at


def _merge(site: Site) -> Thunk:
    """Row-major, put last."""
    (x,), parts, (target,) = site.values, site.axes, site.arrow or ("",)
    extents = site.f.extents
    extents.setdefault(target, int(np.prod([extents[p] for p in parts], dtype=int)))

    def at(t: int, j: int) -> Value:
        now = x(t, j)
        rest = tuple(a for a in now.axes if a not in parts)
        turned = now.ordered((*rest, *parts)).data
        return Value((*rest, target), turned.reshape((*turned.shape[: len(rest)], -1)))

    return at


def _rename(site: Site) -> Thunk:
    (x,), (old,), (new,) = site.values, site.axes, site.arrow or ("",)
    site.f.extents.setdefault(new, site.f.extents[old])
    return lambda t, j: x(t, j).renamed({old: new})


def _fourier(a: Any, dims: tuple[int, ...]) -> Any:
    return np.fft.fft(a, axis=dims[0]).real


FORMS: dict[str, Callable[[Site], Thunk]] = {
    "sum": _reducing(np.sum),
    "mean": _reducing(np.mean),
    "max": _reducing(np.max),
    "min": _reducing(np.min),
    "softmax": _keeping(softmax),
    "topk": _keeping(_largest, ("n", 1)),
    "fft": _keeping(_fourier),
    "cumsum": _running(np.add, np.cumsum),
    "cummax": _running(np.maximum, np.maximum.accumulate),
    "logcumsumexp": _running(np.logaddexp, np.logaddexp.accumulate),
    "window": _window,
    "linear": _linear,
    "dot": _dot,
    "select": _select,
    "expand": _expand,
    "zeros": _expand,
    "index": _index,
    "stack": _stack,
    "split": _split,
    "merge": _merge,
    "rename": _rename,
}
