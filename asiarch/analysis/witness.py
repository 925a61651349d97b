"""A value witness for a rejection: two inputs that agree up to a token, with results that do not.

The verdict does not depend on it. The reference runs at small sizes with random values; when none
of 64 draws shows a difference the rule is conservative here (`x[t+1] * 0` has none), and the report
says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any

from asiarch.elaborate.program import Elaborator, Named
from asiarch.ir.function import Function
from asiarch.language import ast
from asiarch.language.parser import ParseResult

DRAWS = 64
MOST = 5_000  # nodes of a program that is run
WORK = 400_000  # nodes evaluated in all draws
SIZES = (2, 4, 1, 3, 8)
MOST_SIZES = 60
LONGEST = 16


def find(
    files: dict[str, ParseResult], filename: str, op: str
) -> tuple[dict[str, Any] | None, int]:
    """`{"T", "changed_token", "affected_token"}`, or None; and how many draws were made."""
    functions = _small(files, filename, op)
    if not functions:
        return None, 0
    import numpy as np

    from asiarch.codegen.parameters import initial_values
    from asiarch.codegen.reference import Reference
    from asiarch.ir.flatten import flatten, inlined

    flats = [flatten(f) for f in functions if inlined(f) <= MOST]
    rng = np.random.default_rng(0)
    room = WORK
    for draw in range(DRAWS if flats else 0):
        flat = flats[draw % len(flats)]
        time = LONGEST if draw % 8 == 7 else 2 + draw % 8
        room -= len(flat.nodes()) * time * (time if flat.states else 1)
        if room < 0 and draw:
            return None, draw
        reference = Reference(flat, initial_values(flat, draw))
        try:
            found = _flip(reference, flat, time, rng)
        except Exception:  # a program that is wrong in other ways may not run at all
            return None, 0
        if found is not None:
            shown = {"T": time, "changed_token": found[0], "affected_token": found[1]}
            return shown, draw + 1
    return None, DRAWS if flats else 0


def _small(files: dict[str, ParseResult], filename: str, op: str) -> list[Function]:
    """The definition at the smallest sizes that fit it, with its names at 1, and at 0."""
    found: list[Function] = []
    for group in _assignments(files, filename, op):
        for sizes in group:
            function = _at(files, filename, op, sizes)
            if function is not None:
                found.append(function)
                break
    return found


def _at(
    files: dict[str, ParseResult], filename: str, op: str, sizes: dict[str, int]
) -> Function | None:
    elaborator = Elaborator(concrete=True)
    for name, result in files.items():
        elaborator.load(result, name)
    named = elaborator.definition(filename, op)
    if named is None:
        return None
    elaborator.diagnostics.clear()
    try:
        return elaborator.top(named, sizes)
    except Exception:
        return None


def _assignments(
    files: dict[str, ParseResult], filename: str, op: str
) -> Iterator[list[dict[str, int]]]:
    """Groups of sizes, of each of which the first that fits is tried."""
    named = next(
        (Named(filename, d) for d in files[filename].program.definitions if d.name.id == op), None
    )
    if named is None:
        return
    header = named.syntax.header
    free = [h.name.id for h in header if h.default is None]
    values = islice(product(SIZES, repeat=len(free)), MOST_SIZES)
    yield [*(dict(zip(free, v, strict=True)) for v in values), dict.fromkeys(free, 16)]
    axes = {a.id for f in named.syntax.formals if f.type for a in f.type.axes or ()
            if isinstance(a, ast.Name)}  # fmt: skip
    names = [h.name.id for h in header]
    for least in (1, 0):
        yield [{n: 1 if n in axes else least for n in names}]


def _flip(reference: Any, flat: Function, time: int, rng: Any) -> tuple[int, int] | None:
    import numpy as np

    streams = [_draw(flat, leaf, time, rng) for leaf in flat.inputs]
    with np.errstate(all="ignore"):
        before = reference.evaluate(streams)
        for token in range(time - 1, 0, -1):
            changed = [
                _changed(flat, leaf, s, token, rng)
                for leaf, s in zip(flat.inputs, streams, strict=True)
            ]
            after = reference.evaluate(changed)
            for x, y in zip(before, after, strict=True):
                gap = np.abs(x[:, :token] - y[:, :token]).reshape(token, -1)
                rows = np.nonzero(np.nan_to_num(gap).max(axis=1) > 1e-9)[0]
                if len(rows):
                    return token, int(rows[0])
    return None


def _sizes(flat: Function, leaf: Any) -> list[int]:
    return [int(flat.axes[a].integer or 1) for a in leaf.type.axes]


def _draw(flat: Function, leaf: Any, time: int, rng: Any) -> Any:
    if leaf.type.mode == "token":
        vocab = flat.axes.get(leaf.type.vocab or "")
        return rng.integers(0, int((vocab.integer if vocab is not None else None) or 2), (1, time))
    lead = (1, time) if leaf.type.stream else ()
    return rng.standard_normal((*lead, *_sizes(flat, leaf)))


def _changed(flat: Function, leaf: Any, stream: Any, token: int, rng: Any) -> Any:
    if not leaf.type.stream:
        return stream
    out = stream.copy()
    if leaf.type.mode == "token":
        vocab = flat.axes.get(leaf.type.vocab or "")
        count = int((vocab.integer if vocab is not None else None) or 2)
        out[:, token] = (out[:, token] + 1) % count
        return out
    out[:, token] = rng.standard_normal(out[:, token].shape) * 3
    return out
