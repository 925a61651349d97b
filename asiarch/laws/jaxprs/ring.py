"""Jaxprs in exact arithmetic: floating numbers are elements of Z/1289**3, whole numbers themselves.

The arithmetic is that of `asiarch.ir.domains.ring_arithmetic`, the limits are those of `ringmode`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.laws.jaxprs.moves import MOVES
from asiarch.laws.jaxprs.reader import Known, Reader, Reading, UnreadError
from asiarch.laws.ringmatrix import substitute

TABLE: dict[str, Reading] = dict(MOVES)


def reader() -> Reader:
    """A reader of jaxprs whose floating values are int64 residues."""
    return Reader(TABLE, encode, REAL, KNOWING)


def encode(numbers: Any) -> Any:
    """Real numbers as residues; whole numbers and truth values as they are."""
    if numbers.dtype.kind in "biu":
        return numbers
    return ring.encode(numbers.astype(np.float64))


def _reads(*names: str) -> Callable[[Reading], Reading]:
    def enter(function: Reading) -> Reading:
        TABLE.update(dict.fromkeys(names, function))
        return function

    return enter


def _real(atom: Any) -> bool:
    return np.issubdtype(atom.aval.dtype, np.floating)


def _either(name: str, exact: Callable[..., Any], plain: Callable[..., Any] | None) -> None:
    """A primitive of residues that whole numbers have too."""

    def reading(equation: Any, *xs: Any) -> Any:
        if _real(equation.invars[-1]):
            return exact(*xs)
        if plain is None:
            raise UnreadError(f"{name} of whole numbers has no reading")
        return plain(*xs)

    _reads(name)(reading)


_either("add", ring.add, np.add)
_either("add_any", ring.add, np.add)
_either("sub", ring.sub, np.subtract)
_either("mul", ring.mul, np.multiply)
_either("div", ring.div, lambda x, y: np.asarray(np.trunc(x / y), x.dtype))
_either("neg", ring.neg, np.negative)
_either("max", ring.maximum, np.maximum)
_either("min", ring.minimum, np.minimum)
_either("abs", ring.absolute, np.abs)
_either("sign", ring.sign, np.sign)
_either("square", lambda x: ring.mul(x, x), np.square)
_either("rem", lambda x, y: ring.tag("mod", ring.add(ring.tag("mod", x), y)), np.fmod)
_either("and", np.bitwise_and, np.bitwise_and)
_either("or", np.bitwise_or, np.bitwise_or)
_either("exp", ring.exp, None)
_either("exp2", lambda x: ring.constant_power(2, x), None)
_either("log", ring.log, None)
_either("log1p", lambda x: ring.log(ring.add(x, 1)), None)
_either("expm1", lambda x: ring.sub(ring.exp(x), 1), None)
_either("sqrt", ring.sqrt, None)
_either("rsqrt", ring.rsqrt, None)
_either("logistic", ring.sigmoid, None)
_either("tanh", ring.tanh, None)
_either("sin", ring.sin, None)
_either("cos", ring.cos, None)
_either("erf", ring.erf, None)
_either("floor", lambda x: ring.tag("floor", x), None)
_either("ring_softplus", ring.softplus, None)
_either("ring_log_sigmoid", ring.logsigmoid, None)
_either("is_finite", lambda x: np.asarray(x != ring.NEG), np.isfinite)


@_reads("not")
def _not(equation: Any, x: Any) -> Any:
    return ~x


def _compare(name: str, decide: Callable[..., Any]) -> None:
    _either(name, lambda x, y: decide(ring.order(x), ring.order(y)), decide)


for _name, _decide in {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
}.items():  # fmt: skip
    _compare(_name, _decide)


@_reads("integer_pow")
def _integer_pow(equation: Any, x: Any) -> Any:
    exponent = equation.params["y"]
    return ring.power(x, exponent) if _real(equation.invars[0]) else x**exponent


def _pow(equation: Any, known: Known, x: Any, y: Any) -> Any:
    """Constant exponents and bases are those of real numbers, as the text has them."""
    base, exponent = (None if r is None else np.unique(r) for r in known)
    if exponent is not None and exponent.size == 1:
        return ring.power(x, float(exponent[0]))
    if base is not None and base.size == 1:
        return ring.constant_power(float(base[0]), y)
    if not _real(equation.invars[1]):
        raise UnreadError("powers by whole numbers that no text says have no reading in the ring")
    return ring.exp(ring.mul(y, ring.log(x)))


KNOWING: dict[str, Reading] = {"pow": _pow}


def _plain(rule: Callable[..., Any]) -> Reading:
    return lambda equation, *xs: rule(*xs)


REAL: dict[str, Reading] = {
    "add": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "div": _plain(np.true_divide),
    "neg": _plain(np.negative),
    "log": _plain(np.log),
    "eq": _plain(np.equal),
    "broadcast_in_dim": MOVES["broadcast_in_dim"],
    "select_n": MOVES["select_n"],
    "convert_element_type": lambda equation, x: x.astype(equation.params["new_dtype"]),
}
"""In real numbers, of what follows from constants: the slope of a power takes its exponent less 1
and the logarithm of its base.
"""


@_reads("convert_element_type")
def _convert(equation: Any, x: Any) -> Any:
    kind = equation.params["new_dtype"]
    before, after = _real(equation.invars[0]), np.issubdtype(kind, np.floating)
    if before and after:
        return x
    if after:
        return ring.encode(x)
    if not before:
        return np.asarray(x, kind)
    if kind == np.bool_:
        return x != 0
    centred = ring.order(x)
    if np.abs(centred).max(initial=0) > 2**20:
        raise UnreadError("a ring element that is no small number became a whole number")
    return centred.astype(kind)


@_reads("clamp")
def _clamp(equation: Any, low: Any, x: Any, high: Any) -> Any:
    if _real(equation.invars[1]):
        return ring.minimum(ring.maximum(x, low), high)
    return np.clip(x, low, high)


@_reads("iota")
def _iota(equation: Any, *_: Any) -> Any:
    ramp = MOVES["iota"](equation)
    return ring.encode(ramp) if np.issubdtype(equation.params["dtype"], np.floating) else ramp


# -- sums and products -----------------------------------------------------------------------------


def _reduction(name: str, exact: Callable[..., Any], plain: Callable[..., Any]) -> None:
    def reading(equation: Any, x: Any) -> Any:
        rule = exact if _real(equation.invars[0]) else plain
        return rule(x, axis=tuple(equation.params["axes"]))

    _reads(name)(reading)


def _products(x: Any, axis: tuple[int, ...]) -> Any:
    for dim in sorted(axis, reverse=True):
        x = ring.prod(x, dim)
    return x


_reduction("reduce_sum", ring.total, np.sum)
_reduction("reduce_max", ring.amax, np.max)
_reduction("reduce_min", ring.amin, np.min)
_reduction("reduce_prod", _products, np.prod)
_reduction("reduce_and", np.all, np.all)
_reduction("reduce_or", np.any, np.any)


def _running(name: str, exact: Callable[..., Any] | None, plain: Callable[..., Any]) -> None:
    def reading(equation: Any, x: Any) -> Any:
        axis, flip = equation.params["axis"], equation.params["reverse"]
        x = np.flip(x, axis) if flip else x
        if _real(equation.invars[0]) and exact is None:
            raise UnreadError(f"{name} of ring elements has no reading")
        rule = exact if exact is not None and _real(equation.invars[0]) else plain
        found = rule(x, axis=axis)
        return np.flip(found, axis) if flip else found

    _reads(name)(reading)


_running("cumsum", ring.cumsum, np.cumsum)
_running("cumprod", ring.cumprod, np.cumprod)
_running("cummax", None, np.maximum.accumulate)


@_reads("dot_general")
def _dot(equation: Any, x: Any, y: Any) -> Any:
    (over_x, over_y), (batch_x, batch_y) = equation.params["dimension_numbers"]
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    left, right = [next(letters) for _ in x.shape], [next(letters) for _ in y.shape]
    for i, j in zip((*over_x, *batch_x), (*over_y, *batch_y), strict=True):
        right[j] = left[i]
    out = [left[i] for i in batch_x]
    out += [c for i, c in enumerate(left) if i not in (*over_x, *batch_x)]
    out += [c for j, c in enumerate(right) if j not in (*over_y, *batch_y)]
    return ring.contract(f"{''.join(left)},{''.join(right)}->{''.join(out)}", x, y)


@_reads("triangular_solve")
def _triangular(equation: Any, a: Any, b: Any) -> Any:
    params = equation.params
    lower, unit = params["lower"], params["unit_diagonal"]
    if params["conjugate_a"]:
        raise UnreadError("triangular_solve with a conjugate has no reading in the ring")
    if params["transpose_a"]:
        a, lower = a.swapaxes(-1, -2), not lower
    if params["left_side"]:
        return substitute(a, b, not lower, unit)
    turned = substitute(a.swapaxes(-1, -2), b.swapaxes(-1, -2), lower, unit)
    return turned.swapaxes(-1, -2)


# -- order -----------------------------------------------------------------------------------------


@_reads("sort")
def _sort(equation: Any, *xs: Any) -> Any:
    axis = equation.params["dimension"]
    keys = [ring.order(x) if _real(v) else x for x, v in zip(xs, equation.invars, strict=True)][
        : equation.params["num_keys"]
    ]
    moved = [np.moveaxis(k, axis, -1) for k in reversed(keys)]
    places = np.moveaxis(np.lexsort(moved, axis=-1), -1, axis)
    return [np.take_along_axis(np.asarray(x), places, axis) for x in xs]


@_reads("top_k")
def _top_k(equation: Any, x: Any) -> Any:
    return list(ring.topk(x, equation.params["k"], -1))


@_reads("argmax")
def _argmax(equation: Any, x: Any) -> Any:
    (axis,) = equation.params["axes"]
    return np.argmax(ring.order(x) if _real(equation.invars[0]) else x, axis)


@_reads("scatter-add")
def _scatter_add(equation: Any, x: Any, places: Any, added: Any) -> Any:
    """Sums of residues as whole numbers, reduced after."""
    if (x == ring.NEG).any() or (added == ring.NEG).any():
        raise UnreadError("scatter-add would add to an infinity")
    return MOVES["scatter-add"](equation, x, places, added) % ring.N
