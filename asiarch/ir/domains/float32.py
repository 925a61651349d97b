"""Real numbers as float32: how much a loop over tokens errs in that precision, operation by
operation. The error of a parallel form is measured against it."""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains.float64 import Float64
from asiarch.ir.node import Node


class Float32(Float64):
    """The rules of `Float64` on arrays of float32; numbers are rounded before they are used."""

    def constant(self, value: Any) -> Any:
        return np.float32(value)

    def pointwise(self, node: Node, *values: Any) -> Any:
        """Truth values and steps are written as float64 numbers: 0 and 1 in any precision."""
        found = super().pointwise(node, *values)
        return np.asarray(found, np.float32) if node.type.boolean or node.op == "step" else found

    def encode(self, integers: Any) -> Any:
        return np.asarray(integers, np.float32)

    def logarithm(self, base: float) -> Any:
        return np.float32(np.log(base))
