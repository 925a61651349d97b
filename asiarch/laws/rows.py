"""The laws of rows: batch, packing, streaming. A document's outputs depend on it alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from asiarch.laws.form import Streams
from asiarch.laws.streams import cuts
from asiarch.laws.subject import Subject
from asiarch.laws.tolerances import ROW_FLOOR, Error, compare
from asiarch.laws.verdict import Verdict, Witness, fails, holds, not_applicable

DOCUMENTS = (0, 5, 0, 1, 17, 3, 0)
"""Lengths of the documents that are packed; empty ones come first, between and last."""


def batch(
    subject: Subject,
    streams: Streams,
    generator: torch.Generator,
    tolerance: float,
    stranger: bool = False,
) -> Verdict:
    """Rows do not see each other: one changed leaves the others' bits; permuted, and alone.

    A module that draws random numbers draws others for other rows: there the first is all.
    stranger: rounding may differ, as where tokens of all rows are gathered for an expert.
    """
    rows = streams[0].shape[0]
    if rows < 2:
        return not_applicable("batch", "the inputs have one row")
    floor = 1.0 if stranger else ROW_FLOOR
    before = subject.outputs(streams)
    for changed in (rows - 1, 0):
        seen = tolerance if stranger else 0.0
        witness = _crosstalk(subject, streams, before, changed, generator, seen)
        if witness is not None:
            return fails("batch", witness)
    if subject.seeded:
        return holds("batch", f"{rows} rows: independent")
    order = torch.roll(torch.arange(rows), 1)
    permuted = [x[order] for x in before]
    worst = _worst(subject.outputs([x[order] for x in streams]), permuted, tolerance, floor)
    said = "in a permuted batch"
    for row in range(rows):
        alone = subject.outputs([x[row : row + 1] for x in streams])
        error = _worst(alone, [x[row : row + 1] for x in before], tolerance, floor)
        if error.ratio > worst.ratio:
            worst, said = Error(error.ratio, error.difference, row, error.token), "alone"
    if worst.ratio > 1:
        text = (
            f"batch row {worst.row} {said} differs at token {worst.token} by {worst.difference:.3g}"
        )
        witness = Witness(text, None, worst.token, worst.row, worst.difference)
        return fails("batch", witness, ratio=worst.ratio)
    return holds("batch", f"{rows} rows: independent, permuted, alone", worst.ratio)


def _crosstalk(
    subject: Subject,
    streams: Streams,
    before: Streams,
    row: int,
    generator: torch.Generator,
    tolerance: float,
) -> Witness | None:
    """The largest effect of one changed row on another, if it is beyond the tolerance."""
    changed = [x.clone() for x in streams]
    for x, y in zip(changed, streams, strict=True):
        x[row : row + 1] = subject.replaced(y[row : row + 1], slice(None), 1.0, generator)
    for x, y in zip(before, subject.outputs(changed), strict=True):
        others = y.clone()
        others[row] = x[row]
        error = compare(others, x, tolerance, 1.0)
        if error.ratio > 1:
            text = (
                f"changing batch row {row} changed batch row {error.row} at token {error.token} "
                f"by {error.difference:.3g}"
            )
            return Witness(text, None, error.token, error.row, error.difference)
    return None


def _worst(
    actual: Sequence[Tensor],
    expected: Sequence[Tensor],
    tolerance: float,
    floor: float = ROW_FLOOR,
) -> Error:
    errors = [compare(x, y, tolerance, floor) for x, y in zip(actual, expected, strict=True)]
    return max(errors, key=lambda e: e.ratio)


def streaming(
    subject: Subject, streams: Streams, tolerance: float, chunk: int | None = None
) -> Verdict:
    """f(x ++ y) = f(x) ++ f_state(y), split at cuts, into many parts, and after single tokens."""
    if not subject.has_state:
        return not_applicable("streaming", "forward takes no state and return_state")
    time = streams[0].shape[1]
    whole, worst = subject.outputs(streams), 0.0
    for parts in _borders(time, chunk):
        error = _worst(_in_parts(subject, streams, parts), whole, tolerance)
        worst = max(worst, error.ratio)
        if error.ratio > 1:
            text = (
                f"in parts that start at tokens {list(parts[:-1][:6])}, the output at token "
                f"{error.token} (batch row {error.row}) differs by {error.difference:.3g}"
            )
            witness = Witness(text, None, error.token, error.row, error.difference)
            return fails("streaming", witness, ratio=error.ratio)
    return holds("streaming", "parts with the state carried equal the whole", worst)


def _borders(time: int, chunk: int | None) -> list[tuple[int, ...]]:
    """Where parts begin and end, each way once: two parts, parts of 7, after single tokens."""
    found: dict[tuple[int, ...], None] = {}
    for p in cuts(time, chunk):
        found[(0, p, time)] = None
        found[(0, *range(p % 7 or 7, time, 7), time)] = None
        found[(0, *range(p, min(p + 3, time)), time)] = None
    return list(found)


def _in_parts(subject: Subject, streams: Streams, borders: Sequence[int]) -> Streams:
    state: Any = None
    outs: list[Streams] = []
    for start, end in pairwise(borders):
        out, state = subject.stream([x[:, start:end] for x in streams], state)
        outs.append(out)
    return tuple(torch.cat(parts, 1) for parts in zip(*outs, strict=True))


def stepping(subject: Subject, streams: Streams, tolerance: float) -> Verdict:
    """`step` from the initial state, token by token, equals forward; from forward's state too."""
    if not subject.has_step:
        return not_applicable("stepping", "there is no step and initial_state")
    whole = subject.outputs(streams)
    starts = [0, streams[0].shape[1] // 2] if subject.has_state else [0]
    worst = 0.0
    for start in starts:
        error = _worst(_by_steps(subject, streams, start), [x[:, start:] for x in whole], tolerance)
        worst = max(worst, error.ratio)
        if error.ratio > 1:
            token = start + error.token
            text = (
                f"step from token {start} on differs from forward at token {token} "
                f"(batch row {error.row}) by {error.difference:.3g}"
            )
            witness = Witness(text, None, token, error.row, error.difference)
            return fails("stepping", witness, ratio=error.ratio)
    return holds("stepping", f"step by step from tokens {starts} equals forward", worst)


def _by_steps(subject: Subject, streams: Streams, start: int) -> Streams:
    state = subject.initial_state(streams[0].shape[0])
    if start:
        _, state = subject.stream([x[:, :start] for x in streams])
    outs: list[Streams] = []
    for t in range(start, streams[0].shape[1]):
        out, state = subject.step([x[:, t] for x in streams], state)
        outs.append(out)
    return tuple(torch.cat(parts, 1) for parts in zip(*outs, strict=True))


def packing(
    subject: Subject,
    streams: Streams,
    generator: torch.Generator,
    tolerance: float,
    lengths: Sequence[int] = DOCUMENTS,
) -> Verdict:
    """Packed documents = separate rows, empty documents too; none changes another."""
    if not subject.has_packing:
        return not_applicable("packing", "forward takes no cu_seqlens")
    borders = list(accumulate(lengths, initial=0))
    documents = _documents(streams, borders[-1])
    packed = subject.outputs(documents, cu_seqlens=torch.tensor(borders))
    witness = _straddling(subject, documents, packed, borders, generator, tolerance)
    if witness is not None:
        return fails("packing", witness)
    worst = 0.0
    for number, (start, end) in enumerate(pairwise(borders)):
        if start == end:
            continue
        alone = subject.outputs([x[:, start:end] for x in documents])
        error = _worst([x[:, start:end] for x in packed], alone, tolerance)
        worst = max(worst, error.ratio)
        if error.ratio > 1:
            text = (
                f"packed document {number} (tokens {start} to {end - 1}) differs from itself alone "
                f"at its token {error.token} by {error.difference:.3g}"
            )
            witness = Witness(text, None, start + error.token, number, error.difference)
            return fails("packing", witness, ratio=error.ratio)
    return _packed_states(subject, documents, borders, tolerance, worst)


def _documents(streams: Streams, total: int) -> Streams:
    """One row [1, total, ...] made of the given rows, repeated as often as needed."""
    flat = [x.reshape(1, -1, *x.shape[2:]) for x in streams]
    repeats = -(-total // max(flat[0].shape[1], 1))
    return tuple(torch.cat([x] * repeats, 1)[:, :total] for x in flat)


def _straddling(
    subject: Subject,
    documents: Streams,
    packed: Streams,
    borders: Sequence[int],
    generator: torch.Generator,
    tolerance: float,
) -> Witness | None:
    for number, (start, end) in enumerate(pairwise(borders)):
        if start == end:
            continue
        changed = [subject.replaced(x, slice(start, end), 1.0, generator) for x in documents]
        after = subject.outputs(changed, cu_seqlens=torch.tensor(borders))
        for x, y in zip(packed, after, strict=True):
            y = y.clone()  # an output may be a view that repeats one number
            y[:, start:end] = x[:, start:end]
            error = compare(y, x, tolerance)
            if error.ratio > 1:
                other = bisect_right(borders, error.token) - 1
                text = (
                    f"changing document {number} (tokens {start} to {end - 1}) changed document "
                    f"{other} at token {error.token} by {error.difference:.3g}"
                )
                return Witness(text, start, error.token, 0, error.difference)
    return None


def _packed_states(
    subject: Subject,
    documents: Streams,
    borders: Sequence[int],
    tolerance: float,
    worst: float,
) -> Verdict:
    """States [N, ...] after a packed row equal those after each document; the empty keep theirs."""
    lengths = tuple(end - start for start, end in pairwise(borders))
    said = f"documents of {lengths} tokens equal separate rows"
    if not (subject.has_state and subject.has_step):
        return holds("packing", said, worst)
    _, after = subject.stream(documents, cu_seqlens=torch.tensor(borders))
    for number, length in enumerate(lengths):
        alone = subject.initial_state(1)
        if length:
            _, alone = subject.stream(
                [x[:, borders[number] : borders[number + 1]] for x in documents]
            )
        for x, y in zip(tree_leaves(after), tree_leaves(alone), strict=True):
            ours, theirs = x[number], _as_long_as(y[0], x[number])
            error = compare(ours.reshape(1, 1, -1), theirs.reshape(1, 1, -1), tolerance)
            worst = max(worst, error.ratio)
            if error.ratio > 1:
                text = (
                    f"the state after packed document {number} of {length} tokens differs from "
                    f"that of the document alone by {error.difference:.3g}"
                )
                witness = Witness(text, None, None, number, error.difference, in_state=True)
                return fails("packing", witness)
    return _going_on(subject, documents, borders, tolerance, holds("packing", said, worst))


def _going_on(
    subject: Subject,
    documents: Streams,
    borders: Sequence[int],
    tolerance: float,
    held: Verdict,
) -> Verdict:
    """A second packed row that goes on from the states of a first one equals one whole row."""
    whole = subject.outputs(documents, cu_seqlens=torch.tensor(borders))
    middle = [start + (end - start) // 2 for start, end in pairwise(borders)]
    state, row = None, "first"
    for row, starts, ends in (("first", borders, middle), ("second", middle, borders[1:])):
        tokens = [t for s, e in zip(starts, ends, strict=False) for t in range(s, e)]
        lengths = [e - s for s, e in zip(starts, ends, strict=False)]
        cuts_of = torch.tensor(list(accumulate(lengths, initial=0)))
        part = [x[:, tokens] for x in documents]
        out, state = subject.stream(part, state, cu_seqlens=cuts_of)
        error = _worst(out, [x[:, tokens] for x in whole], tolerance)
        if error.ratio > 1:
            number = bisect_right(borders, tokens[error.token]) - 1
            text = (
                f"documents cut in halves and packed twice: the {row} row differs at token "
                f"{tokens[error.token]}, of document {number}, by {error.difference:.3g}"
            )
            witness = Witness(text, None, tokens[error.token], number, error.difference)
            return fails("packing", witness, ratio=error.ratio)
    return holds("packing", f"{held.detail}, states too, and in two rows", held.ratio)


def _as_long_as(alone: Tensor, packed: Tensor) -> Tensor:
    """A cache that grows is as long as the longest document's: shorter ones start with zeros."""
    if alone.dim() == 0 or alone.shape[1:] != packed.shape[1:] or len(alone) >= len(packed):
        return alone
    return torch.cat([alone.new_zeros(len(packed) - len(alone), *alone.shape[1:]), alone])
