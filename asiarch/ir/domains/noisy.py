"""Real numbers whose every operation is off by a random rounding: what rounding may do to a result,
order of sums and ties included (Monte Carlo arithmetic: Parker, "Monte Carlo arithmetic", 1997).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains.float64 import Float64
from asiarch.ir.node import Node
from asiarch.ir.primitive import lookup


class Noisy(Float64):
    """The rules of `Float64`, each result times 1 + e with |e| <= `size`. Positions, truth values
    and what costs no operation stay exact.
    """

    def __init__(self, size: float, seed: int) -> None:
        self.size, self.rng = size, np.random.default_rng(seed)

    def _off(self, x: Any) -> Any:
        array = np.asarray(x)
        return array * (1 + self.size * self.rng.uniform(-1, 1, array.shape))

    def pointwise(self, node: Node, *values: Any) -> Any:
        found = super().pointwise(node, *values)
        exact = node.type.positional or node.type.boolean or not lookup(node.op).flops
        return found if exact else self._off(found)

    def contract(self, x: Any, y: Any, over: int) -> Any:
        return self._off(super().contract(x, y, over))

    def reduce(self, node: Node, x: Any, dims: tuple[int, ...]) -> Any:
        found = super().reduce(node, x, dims)
        return found if node.type.positional or node.op in ("max", "min") else self._off(found)

    def cumulative(self, which: str, x: Any) -> Any:
        found = super().cumulative(which, x)
        return found if which == "max" else self._off(found)

    def total(self, x: Any, dim: int) -> Any:
        return self._off(super().total(x, dim))
