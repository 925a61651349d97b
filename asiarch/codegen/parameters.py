"""Initial values from numpy's Philox, keyed by (seed, path): equal seed, equal parameters
everywhere.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from asiarch.ir.domains.arrays import Arrays, align
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.function import Function, ParamInfo
from asiarch.ir.interpreter import Frame
from asiarch.ir.node import Node, topological


class _Draws(Arrays):
    """Evaluates an initialiser: every draw fills the parameter's whole shape."""

    rng: np.random.Generator
    shape: tuple[int, ...]
    axes: tuple[str, ...]

    def draw(self, node: Node, *bounds: Any) -> Any:
        kinds = [a.type for a in node.args]
        low = [align(b, k, self.axes) for b, k in zip(bounds, kinds, strict=True)]
        if node.attr("which") == "uniform":
            return low[0] + (low[1] - low[0]) * self.rng.random(self.shape)
        return low[0] * self.rng.standard_normal(self.shape)

    def pointwise(self, node: Node, *values: Any) -> Any:
        """Draws have the shape of the parameter; where axes matter their type says so."""
        if node.type.axes:
            return super().pointwise(node, *values)
        return self.algebra.pointwise(node, *values)


def generator(seed: int, path: str) -> np.random.Generator:
    """The stream of draws of one parameter."""
    digest = hashlib.blake2b(path.encode(), digest_size=8).digest()
    return np.random.Generator(
        np.random.Philox(key=[seed % 2**64, int.from_bytes(digest, "little")])
    )


def initial_value(function: Function, param: ParamInfo, seed: int) -> np.ndarray[Any, Any]:
    """A parameter's first value, float64, in its axis order."""
    domain = _Draws(Float64(), function, {}, 1, 1)
    domain.rng, domain.axes = generator(seed, param.path), param.axes
    domain.shape = tuple(domain.size(a) for a in param.axes)
    frame = Frame(function, domain)
    for node in topological([param.initial]):
        frame.values[node] = frame.evaluate(node)
    value = frame.values[param.initial]
    if param.initial.type.axes:
        value = align(value, param.initial.type, param.axes)
    return np.broadcast_to(value, domain.shape).astype(np.float64)


def initial_values(function: Function, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Every parameter of a flat function by path."""
    return {p.path: initial_value(function, p, seed) for p in function.params}
