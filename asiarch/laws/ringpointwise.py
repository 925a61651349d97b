"""Elementwise operators and the formulas of their gradients, read in the ring."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws.ringbits import RingError, Value, from_array, residues
from asiarch.laws.ringtable import reads

_UNARY: dict[str, Callable[[Array], Array]] = {
    "neg": ring.neg,
    "reciprocal": ring.inverse,
    "exp": ring.exp,
    "expm1": lambda x: ring.sub(ring.exp(x), 1),
    "exp2": lambda x: ring.constant_power(2, x),
    "log": ring.log,
    "log1p": lambda x: ring.log(ring.add(x, 1)),
    "sqrt": ring.sqrt,
    "rsqrt": ring.rsqrt,
    "sigmoid": ring.sigmoid,
    "tanh": ring.tanh,
    "silu": ring.silu,
    "relu": ring.relu,
    "abs": ring.absolute,
    "sign": ring.sign,
    "sgn": ring.sign,
    "sin": ring.sin,
    "cos": ring.cos,
    "erf": ring.erf,
    "floor": lambda x: ring.tag("floor", x),
    "square": lambda x: ring.mul(x, x),
}


def _enter_unary(name: str, function: Callable[[Array], Array]) -> None:
    def reading(x: Value) -> Array:
        return function(residues(x, name))

    reads(name)(reading)


for _name, _function in _UNARY.items():
    _enter_unary(_name, _function)


@reads("add")
def _add(x: Value, y: Value, alpha: float = 1) -> Array:
    return ring.add(residues(x, "add"), _scaled(residues(y, "add"), alpha))


@reads("sub", "subtract")
def _sub(x: Value, y: Value, alpha: float = 1) -> Array:
    return ring.sub(residues(x, "sub"), _scaled(residues(y, "sub"), alpha))


@reads("rsub")
def _rsub(x: Value, y: Value, alpha: float = 1) -> Array:
    return _sub(y, x, alpha)


def _scaled(x: Array, alpha: float) -> Array:
    return x if alpha == 1 else ring.mul(x, ring.number(alpha))


@reads("mul", "multiply")
def _mul(x: Value, y: Value) -> Array:
    return ring.mul(residues(x, "mul"), residues(y, "mul"))


@reads("div", "divide", "true_divide")
def _div(x: Value, y: Value, rounding_mode: str | None = None) -> Array:
    if rounding_mode is not None:
        raise RingError("aten.div with a rounding mode has no reading in the ring")
    return ring.div(residues(x, "div"), residues(y, "div"))


@reads("addcmul")
def _addcmul(x: Value, y: Value, z: Value, value: float = 1) -> Array:
    return ring.add(residues(x, "addcmul"), _scaled(_mul(y, z), value))


@reads("addcdiv")
def _addcdiv(x: Value, y: Value, z: Value, value: float = 1) -> Array:
    return ring.add(residues(x, "addcdiv"), _scaled(_div(y, z), value))


@reads("lerp")
def _lerp(start: Value, end: Value, weight: Value) -> Array:
    return ring.add(residues(start), ring.mul(residues(weight, "lerp"), _sub(end, start)))


@reads("pow")
def _pow(base: Value, exponent: Value) -> Array:
    if isinstance(exponent, Tensor):
        if isinstance(base, Tensor):
            logarithm = ring.log(residues(base, "pow"))
            return ring.exp(ring.mul(residues(exponent, "pow"), logarithm))
        return ring.constant_power(base, residues(exponent, "pow"))
    return ring.power(residues(base, "pow"), exponent)


@reads("remainder")
def _remainder(x: Value, y: Value) -> Array:
    """A tagged function of both; remainders of integer tensors are computed as they are."""
    mixed = ring.add(ring.tag("mod", residues(x, "remainder")), residues(y, "remainder"))
    return ring.tag("mod", mixed)


@reads("softplus")
def _softplus(x: Value, beta: float = 1, threshold: float = 20) -> Array:
    scaled = _scaled(residues(x, "softplus"), beta)
    return ring.div(ring.softplus(scaled), ring.number(beta))


@reads("gelu")
def _gelu(x: Value, approximate: str = "none") -> Array:
    a = residues(x, "gelu")
    if approximate == "none":
        return ring.gelu(a)
    return ring.mul(ring.mul(a, ring.number(0.5)), ring.add(1, ring.tanh(_gelu_inner(a))))


_BETA = ring.number(math.sqrt(2 / math.pi))
_KAPPA = ring.number(0.044715)


def _gelu_inner(x: Array) -> Array:
    return ring.mul(_BETA, ring.add(x, ring.mul(_KAPPA, ring.power(x, 3))))


@reads("log_sigmoid_forward")
def _logsigmoid(x: Value) -> tuple[Array, Array]:
    return ring.logsigmoid(residues(x, "log_sigmoid")), np.zeros(0, np.int64)


@reads("threshold")
def _threshold(x: Value, threshold: float, value: float) -> Array:
    a = residues(x, "threshold")
    return np.where(_above(a, threshold), a, ring.number(value))


def _above(x: Array, threshold: float) -> Any:
    return ring.order(x) > ring.order(ring.number(threshold))


@reads("leaky_relu")
def _leaky_relu(x: Value, negative_slope: float = 0.01) -> Array:
    a = residues(x, "leaky_relu")
    return np.where(_above(a, 0), a, ring.mul(a, ring.number(negative_slope)))


@reads("elu")
def _elu(x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Array:
    a = residues(x, "elu")
    low = ring.mul(ring.sub(ring.exp(_scaled(a, input_scale)), 1), ring.number(alpha))
    return _scaled(np.where(_above(a, 0), a, low), scale)


@reads("glu")
def _glu(x: Value, dim: int = -1) -> Array:
    left, right = np.split(residues(x, "glu"), 2, axis=dim)
    return ring.mul(left, ring.sigmoid(right))


@reads("maximum", "fmax", "clamp_min")
def _maximum(x: Value, y: Value) -> Array:
    return ring.maximum(residues(x, "maximum"), residues(y, "maximum"))


@reads("minimum", "fmin", "clamp_max")
def _minimum(x: Value, y: Value) -> Array:
    return ring.minimum(residues(x, "minimum"), residues(y, "minimum"))


@reads("clamp", "hardtanh")
def _clamp(x: Value, min: Value | None = None, max: Value | None = None) -> Array:
    a = residues(x, "clamp")
    a = a if min is None else ring.maximum(a, residues(min))
    return a if max is None else ring.minimum(a, residues(max))


def _compare(name: str, decide: Callable[[Array, Array], Any]) -> None:
    def reading(x: Value, y: Value) -> Tensor:
        return from_array(np.asarray(decide(_key(x, name), _key(y, name)), dtype=np.bool_))

    reads(name)(reading)


def _key(x: Value, name: str) -> Array:
    if not isinstance(x, Tensor) and x == math.inf:
        return np.asarray(ring.NEG)  # so that isinf and isfinite see the sentinel
    return ring.order(residues(x, name))


_compare("eq", lambda x, y: x == y)
_compare("ne", lambda x, y: x != y)
_compare("lt", lambda x, y: x < y)
_compare("le", lambda x, y: x <= y)
_compare("gt", lambda x, y: x > y)
_compare("ge", lambda x, y: x >= y)


@reads("isnan")
def _isnan(x: Tensor) -> Tensor:
    return torch.zeros(x.shape, dtype=torch.bool)


@reads("isinf", "isneginf")
def _isinf(x: Tensor) -> Tensor:
    return from_array(np.asarray(residues(x, "isinf") == ring.NEG))


@reads("logical_not")
def _logical_not(x: Value) -> Tensor:
    return from_array(np.asarray(residues(x, "logical_not") == 0))


# Gradients: each is the incoming gradient times the slope, in the terms of `ring.SLOPES`.


def _times(grad: Value, slope: Array) -> Array:
    return ring.mul(residues(grad, "a gradient"), slope)


@reads("sigmoid_backward")
def _sigmoid_backward(grad: Value, output: Value) -> Array:
    y = residues(output)
    return _times(grad, ring.mul(y, ring.sub(1, y)))


@reads("tanh_backward")
def _tanh_backward(grad: Value, output: Value) -> Array:
    y = residues(output)
    return _times(grad, ring.sub(1, ring.mul(y, y)))


@reads("silu_backward")
def _silu_backward(grad: Value, x: Value) -> Array:
    return _times(grad, ring.slope("silu", residues(x)))


@reads("gelu_backward")
def _gelu_backward(grad: Value, x: Value, approximate: str = "none") -> Array:
    a = residues(x)
    if approximate == "none":
        return _times(grad, ring.slope("gelu", a))
    t = ring.tanh(_gelu_inner(a))
    inner = ring.mul(_BETA, ring.add(1, ring.mul(ring.mul(3, _KAPPA), ring.mul(a, a))))
    rise = ring.mul(ring.mul(a, ring.sub(1, ring.mul(t, t))), inner)
    return _times(grad, ring.mul(ring.number(0.5), ring.add(ring.add(1, t), rise)))


@reads("softplus_backward")
def _softplus_backward(grad: Value, x: Value, beta: float, threshold: float) -> Array:
    return _times(grad, ring.sigmoid(_scaled(residues(x), beta)))


@reads("log_sigmoid_backward")
def _log_sigmoid_backward(grad: Value, x: Value, buffer: Tensor) -> Array:
    return _times(grad, ring.slope("logsigmoid", residues(x)))


@reads("threshold_backward")
def _threshold_backward(grad: Value, x: Value, threshold: float) -> Array:
    return _times(grad, np.asarray(_above(residues(x), threshold), dtype=np.int64))


@reads("leaky_relu_backward")
def _leaky_relu_backward(
    grad: Value, x: Value, negative_slope: float, self_is_result: bool = False
) -> Array:
    return _times(grad, np.where(_above(residues(x), 0), 1, ring.number(negative_slope)))


@reads("elu_backward")
def _elu_backward(
    grad: Value, alpha: float, scale: float, input_scale: float, is_result: bool, x: Value
) -> Array:
    a = residues(x)
    low = ring.mul(ring.exp(_scaled(a, input_scale)), ring.number(alpha * input_scale))
    if is_result:
        low = ring.mul(ring.add(a, ring.number(alpha)), ring.number(input_scale))
    return _times(grad, _scaled(np.where(_above(a, 0), 1, low), scale))


@reads("glu_backward")
def _glu_backward(grad: Value, x: Value, dim: int) -> Array:
    left, right = np.split(residues(x), 2, axis=dim)
    gate_slope = ring.mul(left, ring.slope("sigmoid", right))
    sides = [_times(grad, ring.sigmoid(right)), _times(grad, gate_slope)]
    return np.concatenate(sides, axis=dim)


@reads("mse_loss")
def _mse_loss(x: Value, y: Value, reduction: int = 1) -> Array:
    square = ring.power(_sub(x, y), 2)
    return square if reduction == 0 else (ring.mean, ring.total)[reduction - 1](square)


@reads("mse_loss_backward")
def _mse_loss_backward(grad: Value, x: Value, y: Value, reduction: int) -> Array:
    difference = _sub(x, y)
    scale = ring.mul(2, ring.inverse(difference.size)) if reduction == 1 else np.asarray(2)
    return _times(grad, ring.mul(difference, scale))
