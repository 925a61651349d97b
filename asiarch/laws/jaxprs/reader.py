"""Jaxprs read by numpy: control flow here, every other primitive in a table.

A table gives the value of each variable of an equation from those of its operands. What a number
is (a residue, a float) is the table's; loops, calls and custom derivatives mean the same in all. A
primitive that is not in the table is an error, never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

Reading: TypeAlias = Callable[..., Any]
"""(equation, *operands) -> value, or a sequence of them where the primitive has several results."""

Known: TypeAlias = Sequence[Any]
"""For each operand the real numbers that it is made of where these follow from the text alone,
else None.
"""


class UnreadError(RuntimeError):
    """A primitive that has no reading, or code that does what has no meaning in it."""


class Reader:
    """Evaluates jaxprs.

    table: readings by primitive; constant: an array of real numbers as the table's values; real:
    primitives in real numbers, for what follows from constants alone; knowing: readings that want
    those numbers, `(equation, known, *operands)`.
    """

    def __init__(
        self,
        table: Mapping[str, Reading],
        constant: Callable[[Any], Any],
        real: Mapping[str, Reading],
        knowing: Mapping[str, Reading],
    ) -> None:
        self.table, self.constant, self.real, self.knowing = table, constant, real, knowing
        self.primitives: set[str] = set()

    def run(self, closed: ClosedJaxpr, *arguments: Any, known: Known | None = None) -> list[Any]:
        """Results of a closed jaxpr for values of its inputs."""
        constants = [np.asarray(c) for c in closed.consts]
        jaxpr: Any = closed.jaxpr
        reals = dict(zip(jaxpr.constvars, constants, strict=True))
        values: dict[Any, Any] = {v: self.constant(c) for v, c in reals.items()}
        return self._body(jaxpr, values, reals, arguments, known)

    def _body(
        self,
        jaxpr: Any,
        values: dict[Any, Any],
        reals: dict[Any, Any],
        arguments: Sequence[Any],
        known: Known | None,
    ) -> list[Any]:
        values |= zip(jaxpr.invars, arguments, strict=True)
        if known is not None:
            reals |= {v: r for v, r in zip(jaxpr.invars, known, strict=True) if r is not None}

        def real(atom: Any) -> Any:
            if isinstance(atom, Literal):
                held: Any = atom
                return np.asarray(held.val, held.aval.dtype)
            return reals.get(atom)

        def value(atom: Any) -> Any:
            return self.constant(real(atom)) if isinstance(atom, Literal) else values[atom]

        for equation in jaxpr.eqns:
            found = [real(v) for v in equation.invars]
            rule = self.real.get(equation.primitive.name)
            if rule is not None and all(r is not None for r in found):
                (out,) = equation.outvars
                reals[out] = np.asarray(rule(equation, *found), out.aval.dtype)
                values[out] = self.constant(reals[out])
                continue
            operands = [value(v) for v in equation.invars]
            results = self._equation(equation, operands, found)
            values |= zip(equation.outvars, results, strict=True)
        return [value(v) for v in jaxpr.outvars]

    def _equation(self, equation: Any, operands: list[Any], known: Known) -> Sequence[Any]:
        name = equation.primitive.name
        self.primitives.add(name)
        match name:
            case "scan":
                return self._scan(equation.params, operands, known)
            case "while":
                return self._while(equation.params, operands)
            case "cond":
                branches = equation.params["branches"]
                index = min(max(int(operands[0]), 0), len(branches) - 1)
                return self.run(branches[index], *operands[1:], known=known[1:])
            case _ if (inner := _called(equation.params)) is not None:
                if isinstance(inner, ClosedJaxpr):
                    return self.run(inner, *operands, known=known)
                return self._body(inner, {}, {}, operands, known)
            case _ if name in self.knowing:
                return (self.knowing[name](equation, known, *operands),)
            case _ if name in self.table:
                found = self.table[name](equation, *operands)
                return found if equation.primitive.multiple_results else (found,)
            case _:
                raise UnreadError(f"the primitive {name} has no reading: {equation}")

    def _scan(self, params: Mapping[str, Any], operands: list[Any], known: Known) -> list[Any]:
        count = params["num_consts"]
        first = count + params["num_carry"]
        constants, carry = operands[:count], operands[count:first]
        unknown = [None] * (len(params["jaxpr"].in_avals) - count)
        places = range(params["length"])
        seen: list[list[Any]] = []
        for place in reversed(places) if params["reverse"] else places:
            step = [x[place] for x in operands[first:]]
            results = self.run(
                params["jaxpr"], *constants, *carry, *step, known=[*known[:count], *unknown]
            )
            carry = results[: len(carry)]
            seen.append(results[len(carry) :])
        if params["reverse"]:
            seen.reverse()
        if not seen:
            outs = params["jaxpr"].out_avals[len(carry) :]
            return [*carry, *(self.constant(np.zeros((0, *a.shape), a.dtype)) for a in outs)]
        return [*carry, *(np.stack(steps) for steps in zip(*seen, strict=True))]

    def _while(self, params: Mapping[str, Any], operands: list[Any]) -> list[Any]:
        first, second = params["cond_nconsts"], params["body_nconsts"]
        for_test, for_body = operands[:first], operands[first : first + second]
        carry = operands[first + second :]
        while bool(self.run(params["cond_jaxpr"], *for_test, *carry)[0]):
            carry = self.run(params["body_jaxpr"], *for_body, *carry)
        return carry


def _called(params: Mapping[str, Any]) -> Any:
    """What a call runs: of jit, of checkpoint, of functions with derivatives of their own."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if name in params:
            return params[name]
    return None
