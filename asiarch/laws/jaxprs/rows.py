"""Rows in parts, token by token and packed: a jax program's other calls against the token loop.

Everything is compared with the loop over whole rows, in every bit of the ring, so that what holds
here holds between the calls too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from asiarch.ir.function import Function
from asiarch.laws.jaxprs.exact import Exact, first_difference, listed, streams_of, units
from asiarch.laws.jaxprs.program import loop
from asiarch.laws.verdict import Verdict, Witness, fails, holds

ROWS = ((0, 1, 4, 9), (0, 5, 9))
"""Where the documents of two packed rows begin, and the rows end."""

PARTS = ((0, 6, 9), (0, 1, 2, 9))


class Calls:
    """A jax program in the ring, with random parameters and two rows of random inputs."""

    def __init__(self, function: Function, program: Any, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.function, self.program, self.run = function, program, Exact()
        self.time = ROWS[0][-1]
        self.params = {path: units(rng, x.shape) for path, x in program.params.items()}
        self.streams = streams_of(function, 2, self.time, rng)
        self.timed = [leaf.type.stream for leaf in function.inputs]

        def part(params: Any, streams: Any, state: Any, ids: Any) -> Any:
            options = {"segment_ids": ids, "return_state": True, "state": state}
            return program.apply(params, *streams, **options)

        def step(params: Any, streams: Any, state: Any) -> Any:
            return program.step(params, *streams, state=state)

        def packed(params: Any, streams: Any, ids: Any) -> Any:
            return program.apply(params, *streams, segment_ids=ids)

        def start(params: Any) -> Any:
            return program.initial_state(params, 2)

        self.part, self.step, self.packed, self.start = part, step, packed, start

    def loop(self) -> list[Any]:
        """The truth for whole rows."""
        return loop(self.function, self.params, self.streams)

    def cut(self, tokens: slice | int, rows: slice = slice(None)) -> list[Any]:
        """Tokens of some rows of the streams."""
        pairs = zip(self.streams, self.timed, strict=True)
        return [x[rows, tokens] if timed else x for x, timed in pairs]

    def differs(self, ours: Sequence[Any], first: int, truth: Sequence[Any]) -> Witness | None:
        """The first token of outputs from token `first` on that is not the loop's."""
        for x, y in zip(ours, truth, strict=True):
            token = first_difference(x, y[:, first : first + x.shape[1]])
            if token is not None:
                return Witness(f"differs exactly at token {first + token}", None, first + token)
        return None


def streaming(calls: Calls) -> Verdict:
    """Parts with the state carried equal the whole."""
    law, truth = "streaming of jax functions, ring", calls.loop()
    for borders in PARTS:
        state: Any = None
        for first, end in pairwise(borders):
            given = calls.cut(slice(first, end))
            out, state = calls.run(calls.part, calls.params, given, state, None)
            if witness := calls.differs(listed(out), first, truth):
                return fails(law, witness)
    return holds(law, f"parts {PARTS} equal the whole")


def stepping(calls: Calls) -> Verdict:
    """`step` from the initial state, and on from a row's state, equals the whole."""
    law, truth = "stepping of jax functions, ring", calls.loop()
    state = calls.run(calls.start, calls.params)
    for t in range(calls.time // 2):
        out, state = calls.run(calls.step, calls.params, calls.cut(t), state)
        if witness := calls.differs([x[:, None] for x in listed(out)], t, truth):
            return fails(law, witness)
    given = calls.cut(slice(calls.time // 2, calls.time - 1))
    _, state = calls.run(calls.part, calls.params, given, state, None)
    out, _ = calls.run(calls.step, calls.params, calls.cut(calls.time - 1), state)
    witness = calls.differs([x[:, None] for x in listed(out)], calls.time - 1, truth)
    return fails(law, witness) if witness else holds(law, "token by token equals the whole")


def packing(calls: Calls) -> Verdict:
    """Rows of documents that begin at different tokens equal the documents by themselves; so does
    what goes on from the state of packed rows, and a row that goes on packed.
    """
    law = "packing of jax functions, ring"
    ids = np.zeros((2, calls.time), np.int32)
    for row, borders in enumerate(ROWS):
        for number, (first, end) in enumerate(pairwise(borders)):
            ids[row, first:end] = 7 - number
    truth: list[list[Any]] = []
    for row, borders in enumerate(ROWS):
        rows = slice(row, row + 1)
        parts = [
            loop(calls.function, calls.params, calls.cut(slice(first, end), rows))
            for first, end in pairwise(borders)
        ]
        truth.append([np.concatenate(p, 1) for p in zip(*parts, strict=True)])
    expected = [np.concatenate(p) for p in zip(*truth, strict=True)]
    if not calls.program.steps:
        out = calls.run(calls.packed, calls.params, calls.cut(slice(None)), ids)
        witness = calls.differs(listed(out), 0, expected)
        return fails(law, witness) if witness else holds(law, "documents equal separate rows")
    for cut in (calls.time, 6, 2):
        out, state = calls.run(
            calls.part, calls.params, calls.cut(slice(0, cut)), None, ids[:, :cut]
        )
        if witness := calls.differs(listed(out), 0, expected):
            return fails(law, witness)
        if cut == calls.time:
            continue
        given = calls.cut(slice(cut, None))
        out, _ = calls.run(calls.part, calls.params, given, state, ids[:, cut:])
        if witness := calls.differs(listed(out), cut, expected):
            return fails(law, witness)
    return holds(law, f"documents that end at {ROWS} equal separate rows, in parts too")
