"""Exact arithmetic in Z/N, N = 1289**3, on int64 numpy arrays: two programs agree or they do not.

Decides what every scalar function means in the ring. Sums, products, quotients and exponentials
keep their laws exactly, so a chunked form and a token loop that are equal as terms are equal in
every bit:

    exp x = (1 + p)**x            a homomorphism from + to *, and it nests
    inverse(p**k u) = p**k / u    (u / v) (v / w) = u / w wherever v is a unit
    sigmoid x = exp(logsigmoid x) gates are units; the rest are `tag`s, fixed pseudo-random maps

Values are 0..N-1; `NEG` stands for an infinity (a masked score, the log of a gate that is 0).
The order is that of the centred residues -N/2..N/2, NEG below all. It is total, and `relu`, `sign`,
`abs` and `max` agree with each other on it, but it is *not* the order of real numbers; a `tag`
keeps no law of its function: log undoes exp only where a compiler cancels the two itself.

Knows no tensor library but numpy, no program and no operator.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.int64]
Number: TypeAlias = float | int | Fraction
Axis: TypeAlias = int | tuple[int, ...] | None

P = 1289
SQUARE = P * P
N = P**3
HALF = Fraction(1, 2)
NEG = -(2**63) + 1
"""The infinity: lowest as an integer and, its bits being a negative subnormal, as a float."""

_INVERSES = np.array([0] + [pow(i, -1, P) for i in range(1, P)], dtype=np.int64)


@lru_cache(maxsize=4096)
def number(constant: Number) -> int:
    """The ring element of a real constant.

    Rationals of small denominator are exact (3 * number(1/3) == 1). Square roots of rationals
    above 1 are `sqrt` of that rational, those below 1 `rsqrt` of its inverse, so D ** -0.5 and
    1 / math.sqrt(D) agree. Other floats are the nearest fraction of denominator up to 10**6, or
    their shortest decimal where that fraction is off by more than 1e-9 of them.
    Constants <= -1e29 (-inf, finfo.min) are NEG. Raises ValueError for NaN and for >= 1e29.
    """
    if isinstance(constant, (int, np.integer)):
        return int(constant) % N if constant > -1e29 else NEG
    if constant != constant or constant >= 1e29:
        raise ValueError(f"the ring has no element for the constant {constant}")
    if constant <= -1e29:
        return NEG
    exact = Fraction(constant)
    near = exact.limit_denominator(10**6)
    if not _close(near, exact, 1e-15):
        square = (exact * exact).limit_denominator(10**5)
        if _close(square, exact * exact, 1e-15):
            root = _surd(square)
            return root if exact > 0 else (N - root) % N
        if not _close(near, exact, 1e-9):
            near = Fraction(repr(float(constant)))
    return _rational(near)


def _close(near: Fraction, exact: Fraction, relative: float) -> bool:
    return abs(near - exact) <= relative * abs(exact)


def _rational(value: Fraction) -> int:
    unit, power = value.denominator, 1
    while unit % P == 0:
        unit, power = unit // P, power * P
    return value.numerator * power * pow(unit, -1, N) % N


def _surd(square: Fraction) -> int:
    if square >= 1:
        return int(sqrt(_rational(square)))
    return int(rsqrt(_rational(1 / square)))


def encode(constants: ArrayLike) -> Array:
    """`number` of every element of an array of constants (bools and integers reduce mod N)."""
    values = np.asarray(constants)
    if values.dtype.kind in "biu":
        return np.mod(values.astype(np.int64), N)
    unique, where = np.unique(values.astype(np.float64), return_inverse=True)
    table = np.array([number(float(c)) for c in unique], dtype=np.int64)
    return table[where].reshape(values.shape) if table.size else np.zeros(values.shape, np.int64)


def random(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Residues drawn uniformly."""
    return rng.integers(0, N, size=shape, dtype=np.int64)


def _array(x: ArrayLike) -> Array:
    return np.asarray(x, dtype=np.int64)


def _spread(value: Array, *operands: Array) -> Array:
    """NEG wherever an operand is NEG."""
    for x in operands:
        lost = x == NEG
        if lost.any():
            value = np.where(lost, NEG, value)
    return value


def add(x: ArrayLike, y: ArrayLike) -> Array:
    """x + y; NEG absorbs."""
    a, b = _array(x), _array(y)
    return _spread((a + b) % N, a, b)


def sub(x: ArrayLike, y: ArrayLike) -> Array:
    """x - y; NEG absorbs (also NEG - NEG: a masked score stays masked)."""
    a, b = _array(x), _array(y)
    return _spread((a - b) % N, a, b)


def neg(x: ArrayLike) -> Array:
    """-x; the sentinel has no sign."""
    a = _array(x)
    return _spread(-a % N, a)


def mul(x: ArrayLike, y: ArrayLike) -> Array:
    """x y; NEG absorbs all but 0: 0 * NEG = 0."""
    a, b = _array(x), _array(y)
    value = a * b % N
    lost = ((a == NEG) & (b != 0)) | ((b == NEG) & (a != 0))
    if not lost.any() and not (a == NEG).any() and not (b == NEG).any():
        return value
    return np.where(lost, NEG, np.where((a == 0) | (b == 0), 0, value))


def inverse(x: ArrayLike) -> Array:
    """p**k u -> p**k / u, 0 -> 0, NEG -> 0. Newton's iteration from a table of inverses mod p."""
    a = _array(x)
    unit = np.where(a == NEG, 0, a)
    power = np.ones_like(unit)
    for _ in range(2):
        divisible = (unit % P == 0) & (unit != 0)
        unit = np.where(divisible, unit // P, unit)
        power = np.where(divisible, power * P, power)
    result = _INVERSES[unit % P]
    for _ in range(2):
        result = result * ((2 - unit * result) % N) % N
    return result * power % N


def div(x: ArrayLike, y: ArrayLike) -> Array:
    """x * inverse(y)."""
    return mul(x, inverse(y))


def exp(x: ArrayLike) -> Array:
    """(1 + p)**x = 1 + p x + p**2 x (x - 1) / 2; exp(NEG) = 0. exp(x + y) = exp(x) exp(y)."""
    a = _array(x)
    low = a % P
    value = (1 + P * (a % SQUARE) + SQUARE * (low * (low - 1) // 2 % P)) % N
    return np.where(a == NEG, 0, value)


def power(x: ArrayLike, exponent: Number) -> Array:
    """x**exponent for a constant exponent: integers exactly, halves by `sqrt`, else exp(u)**c is
    exp(u c), and of what is no exponential a tag.
    """
    a = _array(x)
    if float(exponent).is_integer():
        return _integer_power(a, int(exponent))
    if float(2 * exponent).is_integer():
        return _integer_power(sqrt(a), int(2 * exponent))
    return _of_exponent(a, exponent, tag(f"power {float(exponent)!r}", a))


def _of_exponent(a: Array, factor: Number, otherwise: Array) -> Array:
    """exp(u factor) where a is exp(u), that is where a % p is 1, or a is 0 and u is NEG."""
    m = (a - 1) // P
    u = np.where(a == 0, NEG, (m - P * (m * (m - 1) // 2 % P)) % SQUARE)
    is_power = (a == 0) | ((a % P == 1) & (a != NEG))
    return np.where(is_power, exp(mul(u, number(factor))), otherwise)


def _integer_power(base: Array, exponent: int) -> Array:
    if exponent < 0:
        base, exponent = inverse(base), -exponent
    result = np.ones_like(base)
    while exponent:
        if exponent & 1:
            result = mul(result, base)
        base = mul(base, base) if exponent > 1 else base
        exponent >>= 1
    return result


def log_of_constant(base: Number) -> int:
    """L with base**x = exp(L x): number(log(base)), as code that takes the log itself has it."""
    if base > 0:
        return number(math.log(base))
    return NEG if base == 0 else int(tag("log of constant", number(base)))


def constant_power(base: Number, x: ArrayLike) -> Array:
    """base**x = exp(x L(base)), a homomorphism in x."""
    return exp(mul(x, log_of_constant(base)))


def tag(name: str, x: ArrayLike) -> Array:
    """A fixed pseudo-random function of the residue, one per name (splitmix64 reduced mod N)."""
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    z = np.atleast_1d(_array(x)).astype(np.uint64) + np.array([seed], dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.array([0xBF58476D1CE4E5B9], dtype=np.uint64)
    z = (z ^ (z >> np.uint64(27))) * np.array([0x94D049BB133111EB], dtype=np.uint64)
    z = (z ^ (z >> np.uint64(31))) % np.uint64(N)
    return z.astype(np.int64).reshape(np.shape(x))


def _limit(value: Array, x: ArrayLike, at_neg: int) -> Array:
    return np.where(_array(x) == NEG, at_neg, value)


def sqrt(x: ArrayLike) -> Array:
    """A tagged unit (prime to p); 0 of 0; exp(u / 2) of exp(u); the root of 1..1024 squared."""
    a = _array(x)
    hashed = tag("sqrt", a)
    hashed = _of_exponent(a, HALF, np.where(hashed % P == 0, hashed + 1, hashed))
    root = np.rint(np.sqrt(np.clip(a, 0, 2**20).astype(np.float64))).astype(np.int64)
    return np.where((root * root == a) & (a > 0), root, hashed)


def rsqrt(x: ArrayLike) -> Array:
    """inverse(sqrt(x))."""
    return inverse(sqrt(x))


def logsigmoid(x: ArrayLike) -> Array:
    """A tag; logsigmoid(NEG) = NEG."""
    return _limit(tag("logsigmoid", x), x, NEG)


def sigmoid(x: ArrayLike) -> Array:
    """exp(logsigmoid(x)): a unit, or 0 at NEG."""
    return exp(logsigmoid(x))


def softplus(x: ArrayLike) -> Array:
    """A tag; 0 at NEG."""
    return _limit(tag("softplus", x), x, 0)


def tanh(x: ArrayLike) -> Array:
    """A tag; -1 at NEG."""
    return _limit(tag("tanh", x), x, N - 1)


def erf(x: ArrayLike) -> Array:
    """A tag; -1 at NEG."""
    return _limit(tag("erf", x), x, N - 1)


def log(x: ArrayLike) -> Array:
    """A tag; log(0) = NEG, log(1) = 0."""
    a = _array(x)
    return np.where((a == 0) | (a == NEG), NEG, np.where(a == 1, 0, tag("log", a)))


def sin(x: ArrayLike) -> Array:
    """A tag; sin(0) = 0."""
    return np.where(_array(x) == 0, 0, tag("sin", x))


def cos(x: ArrayLike) -> Array:
    """A tag; cos(0) = 1."""
    return np.where(_array(x) == 0, 1, tag("cos", x))


def silu(x: ArrayLike) -> Array:
    """x sigmoid(x)."""
    return mul(x, sigmoid(x))


SQRT_HALF = math.sqrt(0.5)
TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def gelu(x: ArrayLike) -> Array:
    """x (1 + erf(x / sqrt 2)) / 2."""
    return mul(x, mul(add(1, erf(mul(x, number(SQRT_HALF)))), number(0.5)))


def order(x: ArrayLike) -> Array:
    """The key by which residues are compared: the centred residue; NEG is lowest."""
    a = _array(x)
    return np.where(a > N // 2, a - N, a)


def _from_order(key: Array) -> Array:
    return np.where(key == NEG, NEG, key % N)


def positive(x: ArrayLike) -> Array:
    """1 where the centred residue is above 0, else 0. Also the derivative of `relu`."""
    return (order(x) > 0).astype(np.int64)


step = positive


def sign(x: ArrayLike) -> Array:
    """1, 0 or -1 by the centred residue; -1 at NEG."""
    return np.sign(order(x)) % N


def absolute(x: ArrayLike) -> Array:
    """x sign(x)."""
    return mul(x, sign(x))


def relu(x: ArrayLike) -> Array:
    """x positive(x) = maximum(x, 0)."""
    return mul(x, positive(x))


def maximum(x: ArrayLike, y: ArrayLike) -> Array:
    """The larger of two by `order`."""
    return _from_order(np.maximum(order(x), order(y)))


def minimum(x: ArrayLike, y: ArrayLike) -> Array:
    """The smaller of two by `order`."""
    return _from_order(np.minimum(order(x), order(y)))


def amax(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest along `axis` by `order`."""
    return _from_order(_array(np.max(order(x), axis=axis, keepdims=keepdims)))


def amin(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest along `axis` by `order`."""
    return _from_order(_array(np.min(order(x), axis=axis, keepdims=keepdims)))


def argmax(x: ArrayLike, axis: int | None = None) -> Array:
    """The first position of the largest."""
    return _array(np.argmax(order(x), axis=axis))


def argsort(x: ArrayLike, axis: int = -1, descending: bool = False) -> Array:
    """Stable positions by `order`."""
    key = order(x)
    return _array(np.argsort(~key if descending else key, axis=axis, kind="stable"))


def topk(x: ArrayLike, k: int, axis: int = -1) -> tuple[Array, Array]:
    """The k largest, falling, and their positions; of equals the first come first."""
    indices = np.take(argsort(x, axis, descending=True), np.arange(k), axis=axis)
    return np.take_along_axis(_array(x), indices, axis), indices


def _linear(apply: Callable[[Array], Any], x: ArrayLike) -> Array:
    """A sum of residues; NEG where a summand is NEG."""
    a = _array(x)
    lost = a == NEG
    if not lost.any():
        return _array(apply(a)) % N
    value = _array(apply(np.where(lost, 0, a))) % N
    return np.where(_array(apply(lost.astype(np.int64))) > 0, NEG, value)


def total(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum along `axis`."""
    return _linear(lambda a: np.sum(a, axis=axis, keepdims=keepdims), x)


def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum times inverse(count)."""
    a = _array(x)
    summed = total(a, axis, keepdims)
    return mul(summed, inverse(a.size // max(summed.size, 1)))


def cumsum(x: ArrayLike, axis: int) -> Array:
    """Inclusive prefix sums."""
    return _linear(lambda a: np.cumsum(a, axis=axis), x)


def cumprod(x: ArrayLike, axis: int) -> Array:
    """Inclusive prefix products."""
    result = np.moveaxis(_array(x).copy(), axis, 0)
    for i in range(1, result.shape[0]):
        result[i] = mul(result[i - 1], result[i])
    return np.moveaxis(result, 0, axis)


def prod(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """The product along `axis` (all of it for None)."""
    a = _array(x)
    rows = np.moveaxis(a, axis, 0) if axis is not None else a.reshape(-1)
    result = np.ones(rows.shape[1:], dtype=np.int64)
    for row in rows:
        result = mul(result, row)
    if not keepdims:
        return result
    return np.expand_dims(result, axis) if axis is not None else result.reshape((1,) * a.ndim)


def softmax(x: ArrayLike, axis: int = -1) -> Array:
    """exp(x) / sum exp(x): NEG entries give 0, a row of NEG gives 0. Invariant under shifts."""
    weights = exp(x)
    return mul(weights, inverse(total(weights, axis, keepdims=True)))


def logsumexp(x: ArrayLike, axis: int = -1, keepdims: bool = False) -> Array:
    """m + log(sum exp(x - m)), m the largest: what max-subtracting code has, in blocks too."""
    largest = amax(x, axis, keepdims=True)
    value = add(largest, log(total(exp(sub(x, largest)), axis, keepdims=True)))
    return value if keepdims else np.squeeze(value, axis)


def matmul(x: ArrayLike, y: ArrayLike) -> Array:
    """x @ y exactly, with numpy's broadcasting, for inner sizes to 2**19.

    Three float64 products of 16-bit halves (Karatsuba), each sum an integer below 2**53.
    """
    a, b = _array(x), _array(y)
    if a.shape[-1] > 2**19:
        raise ValueError(f"the ring's matmul is exact to inner size 2**19, got {a.shape[-1]}")
    if (a == NEG).any() or (b == NEG).any():
        return _matmul_with_neg(a, b)
    high_a, low_a = (a >> 16).astype(np.float64), (a & 0xFFFF).astype(np.float64)
    high_b, low_b = (b >> 16).astype(np.float64), (b & 0xFFFF).astype(np.float64)
    high = _array(high_a @ high_b)
    low = _array(low_a @ low_b)
    middle = _array((high_a + low_a) @ (high_b + low_b)) - high - low
    return (((((high % N) << 16) + middle) % N << 16) + low) % N


def _matmul_with_neg(a: Array, b: Array) -> Array:
    lost_a, lost_b = a == NEG, b == NEG
    value = matmul(np.where(lost_a, 0, a), np.where(lost_b, 0, b))
    hits = lost_a.astype(np.float64) @ (b != 0) + (a != 0) @ lost_b.astype(np.float64)
    return np.where(np.asarray(hits) > 0, NEG, value)


def contract(equation: str, *operands: ArrayLike) -> Array:
    """Einstein summation, as in `numpy.einsum` without dots and repeated letters in one operand."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands) or any(len(set(t)) != len(t) for t in [*terms, output]):
        raise ValueError(f"cannot contract {len(operands)} operands by {equation!r}")
    letters, value = terms[0], _array(operands[0])
    for i in range(1, len(terms)):
        rest = set(output).union(*terms[i + 1 :])
        letters, value = _pair(letters, value, terms[i], _array(operands[i]), rest)
    letters, value = _sum_out(letters, value, set(output))
    return np.transpose(value, [letters.index(c) for c in output])


def _sum_out(letters: str, value: Array, kept: set[str]) -> tuple[str, Array]:
    axes = tuple(i for i, c in enumerate(letters) if c not in kept)
    return "".join(c for c in letters if c in kept), total(value, axes) if axes else value


def _pair(x: str, a: Array, y: str, b: Array, kept: set[str]) -> tuple[str, Array]:
    x, a = _sum_out(x, a, kept | set(y))
    y, b = _sum_out(y, b, kept | set(x))
    batch = [c for c in x if c in y and c in kept]
    inner = [c for c in x if c in y and c not in kept]
    left, right = [c for c in x if c not in y], [c for c in y if c not in x]
    size = dict(zip(x, a.shape, strict=True)) | dict(zip(y, b.shape, strict=True))

    def arrange(letters: str, value: Array, groups: list[list[str]]) -> Array:
        flat = np.transpose(value, [letters.index(c) for group in groups for c in group])
        return flat.reshape([math.prod(size[c] for c in group) for group in groups])

    product = matmul(arrange(x, a, [batch, left, inner]), arrange(y, b, [batch, inner, right]))
    letters = "".join(batch + left + right)
    return letters, product.reshape([size[c] for c in letters])


def _gelu_slope(x: ArrayLike) -> Array:
    inner = mul(x, number(SQRT_HALF))
    slope = mul(mul(x, number(0.5)), mul(_erf_slope(inner), number(SQRT_HALF)))
    return add(mul(add(1, erf(inner)), number(0.5)), slope)


def _erf_slope(x: ArrayLike) -> Array:
    return mul(number(TWO_OVER_SQRT_PI), exp(neg(mul(x, x))))


def _silu_slope(x: ArrayLike) -> Array:
    gate = sigmoid(x)
    return add(gate, mul(mul(x, gate), sub(1, gate)))


SLOPES: dict[str, Callable[[ArrayLike], Array]] = {
    "exp": exp,
    "log": inverse,
    "sqrt": lambda x: inverse(mul(2, sqrt(x))),
    "rsqrt": lambda x: mul(number(-0.5), power(rsqrt(x), 3)),
    "inverse": lambda x: neg(power(inverse(x), 2)),
    "sigmoid": lambda x: mul(sigmoid(x), sub(1, sigmoid(x))),
    "logsigmoid": lambda x: sub(1, sigmoid(x)),
    "softplus": sigmoid,
    "tanh": lambda x: sub(1, power(tanh(x), 2)),
    "sin": cos,
    "cos": lambda x: neg(sin(x)),
    "erf": _erf_slope,
    "silu": _silu_slope,
    "gelu": _gelu_slope,
    "relu": positive,
    "absolute": sign,
    "positive": lambda x: np.zeros_like(_array(x)),
    "sign": lambda x: np.zeros_like(_array(x)),
}
"""Derivative of each unary function of this module, by name, as a function of its argument."""


def slope(name: str, x: ArrayLike) -> Array:
    """f'(x) for the unary function `name` of this module. Raises KeyError for one that has none."""
    return SLOPES[name](x)
