"""The ring keeps the laws that chunked forms rely on, and number() keeps those of constants."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import NEG, N, P

residues = st.integers(0, N - 1)
units = residues.map(lambda x: x + 1 if x % P == 0 else x)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@given(residues, residues)
def test_exp_turns_sums_into_products(x: int, y: int) -> None:
    assert ring.exp(ring.add(x, y)) == ring.mul(ring.exp(x), ring.exp(y))
    assert ring.exp(x) == pow(1 + P, x, N)


@given(residues | st.just(NEG), st.sampled_from((Fraction(1, 16), Fraction(-3, 7), Fraction(5, 2))))
def test_powers_of_an_exponential_are_those_of_its_exponent(x: int, c: Fraction) -> None:
    expected = ring.exp(ring.mul(x, ring.number(c)))
    assert ring.power(ring.exp(x), c) == expected
    assert ring.sqrt(ring.exp(x)) == ring.exp(ring.mul(x, ring.number(Fraction(1, 2))))
    assert ring.power(ring.power(ring.exp(x), c), 1 / c) == ring.exp(x)


@given(residues, residues)
def test_exp_nests(x: int, y: int) -> None:
    inner = ring.exp(ring.add(x, y))
    assert ring.exp(inner) == ring.exp(ring.mul(ring.exp(x), ring.exp(y)))
    if (x - y) % P:
        assert ring.exp(ring.exp(x)) != ring.exp(ring.exp(y))


@given(units, units, units)
def test_quotients_of_units(x: int, y: int, z: int) -> None:
    assert ring.mul(x, ring.inverse(x)) == 1
    assert ring.mul(ring.div(x, y), ring.div(y, z)) == ring.div(x, z)


@given(units, st.integers(0, 2), units)
def test_inverse_of_multiples_of_p(unit: int, power: int, other: int) -> None:
    x = unit * P**power % N
    assert ring.inverse(x) == P**power * int(ring.inverse(unit)) % N
    assert ring.inverse(ring.mul(x, other)) == ring.mul(ring.inverse(x), ring.inverse(other))


@given(residues)
def test_gates_are_units_and_functions_have_their_fixed_points(x: int) -> None:
    assert int(ring.sigmoid(x)) % P
    assert int(ring.sqrt(x)) % P or x == 0
    assert ring.relu(x) == ring.maximum(x, 0)
    assert ring.absolute(x) == ring.maximum(x, ring.neg(x))
    assert ring.mul(x, ring.positive(x)) == ring.relu(x)
    assert ring.tag("a", x) == ring.tag("a", x)


def test_tags_of_different_names_differ() -> None:
    x = ring.random(rng(), (64,))
    names = ["tanh", "softplus", "erf", "log", "sin", "cos", "logsigmoid"]
    images = [tuple(ring.tag(name, x)) for name in names]
    assert len(set(images)) == len(names)
    assert len(set(ring.tag("tanh", np.arange(10_000)).tolist())) > 9_990


@pytest.mark.parametrize(
    "shape", [((3, 7), (7, 5)), ((2, 1, 4, 300), (3, 300, 2)), ((4, 0), (0, 2))]
)
def test_matmul_against_python_integers(shape: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    x, y = ring.random(rng(), shape[0]), ring.random(rng(), shape[1])
    expected = np.matmul(x.astype(object), y.astype(object)) % N
    assert (ring.matmul(x, y) == expected).all()


def test_matmul_at_the_largest_residues() -> None:
    x = np.full((2, 4096), N - 1)
    assert (ring.matmul(x, x.T) == 4096).all()


@pytest.mark.parametrize(
    "equation", ["ab,bc->ac", "abc,cda->bda", "ab,ab->", "ab,c->bac", "ab,bc,cd->ad", "ab->b"]
)
def test_contract_against_python_integers(equation: str) -> None:
    size = dict(zip("abcd", (2, 3, 4, 5), strict=True))
    terms = equation.split("->")[0].split(",")
    operands = [ring.random(rng(), tuple(size[c] for c in term)) for term in terms]
    expected = np.einsum(equation, *[x.astype(object) for x in operands]) % N
    assert (ring.contract(equation, *operands) == expected).all()


def test_contract_refuses_diagonals() -> None:
    with pytest.raises(ValueError, match="aa->a"):
        ring.contract("aa->a", np.eye(2, dtype=np.int64))


@given(st.fractions(-1000, 1000, max_denominator=1000).filter(lambda f: f.denominator % P != 0))
def test_rational_constants_are_exact(value: Fraction) -> None:
    assert ring.number(float(value)) * value.denominator % N == value.numerator % N


@pytest.mark.parametrize("size", [2, 3, 8, 48, 64, 128, 100])
def test_roots_of_sizes_agree_however_they_are_written(size: int) -> None:
    root, inverse = ring.number(math.sqrt(size)), ring.number(size**-0.5)
    assert root * inverse % N == 1
    assert inverse == ring.number(1 / math.sqrt(size))
    assert root == ring.sqrt(size)


def test_tiny_constants_do_not_vanish() -> None:
    assert ring.number(1e-8) * 10**8 % N == 1
    assert ring.number(1e-300) * 10**300 % N == 1
    assert ring.number(1 / P) == ring.inverse(P)
    assert ring.number(1e-12) not in (0, ring.number(1e-11))


def test_infinities() -> None:
    assert ring.number(-math.inf) == ring.number(-1e30) == NEG
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="no element"):
            ring.number(bad)
    assert ring.exp(NEG) == ring.sigmoid(NEG) == ring.inverse(NEG) == ring.mul(NEG, 0) == 0
    assert ring.add(NEG, 5) == ring.sub(NEG, NEG) == ring.mul(NEG, 5) == ring.log(0) == NEG
    assert ring.maximum(NEG, N - 1) == N - 1
    assert ring.softmax(np.array([NEG, NEG])).tolist() == [0, 0]
    assert (ring.matmul([[NEG, 1]], [[1, 0], [2, 3]]) == [[NEG, 3]]).all()


@given(st.lists(residues, min_size=2, max_size=9), residues)
def test_softmax_is_invariant_under_shifts(row: list[int], shift: int) -> None:
    x = np.array([*row, NEG])
    assert (ring.softmax(x) == ring.softmax(ring.sub(x, shift))).all()


def test_order_statistics_agree_with_each_other() -> None:
    x = ring.random(rng(), (4, 9))
    x[0, 3] = NEG
    assert (np.take_along_axis(x, ring.argmax(x, 1)[:, None], 1)[:, 0] == ring.amax(x, 1)).all()
    top, where = ring.topk(x, 3, 1)
    assert (top[:, 0] == ring.amax(x, 1)).all()
    assert (np.take_along_axis(x, where, 1) == top).all()
    assert ring.amin(x) == NEG


def test_prefixes_and_totals() -> None:
    x = ring.random(rng(), (3, 6))
    assert (ring.cumsum(x, 1)[:, -1] == ring.total(x, 1)).all()
    assert (ring.cumprod(x, 1)[:, -1] == ring.prod(x, 1)).all()
    assert (ring.mul(ring.mean(x, 1), 6) == ring.total(x, 1)).all()
    assert ring.cumsum(np.array([1, NEG, 2]), 0).tolist() == [1, NEG, NEG]


@pytest.mark.parametrize("base", [2, 0.5, 3.7, -2.0])
def test_powers_of_constants_are_homomorphisms(base: float) -> None:
    x, y = ring.random(rng(), (5,)), ring.random(rng(), (5,))
    both = ring.constant_power(base, ring.add(x, y))
    assert (both == ring.mul(ring.constant_power(base, x), ring.constant_power(base, y))).all()


def test_powers() -> None:
    x = ring.random(rng(), (8,)) * 0 + np.arange(1, 9)
    assert (ring.power(x, 3) == ring.mul(x, ring.mul(x, x))).all()
    assert (ring.power(x, -2) == ring.inverse(ring.mul(x, x))).all()
    assert (ring.power(x, 0.5) == ring.sqrt(x)).all()
    assert (ring.power(x, -0.5) == ring.rsqrt(x)).all()
    assert (ring.power(x, 1.5) == ring.power(ring.sqrt(x), 3)).all()


def test_every_slope_has_a_function_and_products_obey_the_chain() -> None:
    x = ring.random(rng(), (5,))
    for name in ring.SLOPES:
        assert getattr(ring, name)(x).shape == ring.slope(name, x).shape
    gate = ring.sigmoid(x)
    chain = ring.add(gate, ring.mul(x, ring.slope("sigmoid", x)))
    assert (ring.slope("silu", x) == chain).all()
    with pytest.raises(KeyError):
        ring.slope("arctan", x)
