"""`attend`: for each token the tokens that the condition admits, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from asiarch.fuzz.surface.entries import sigmoid
from asiarch.fuzz.surface.expression import value
from asiarch.fuzz.surface.frame import Frame
from asiarch.fuzz.surface.static import whole
from asiarch.fuzz.surface.value import NOWHERE, Thunk, Value, joined
from asiarch.language import ast


@dataclass(frozen=True, slots=True)
class Keep:
    """`top[count](worth)`, or the best `count` of blocks of `block` tokens."""

    worth: Thunk
    count: int
    block: int | None


def attend(f: Frame, e: ast.Attend) -> Thunk:
    inner = replace(f, pair=e.variable.id)
    fields = {x.name.id: x.value for x in e.fields}
    admits = value(inner, e.condition)
    score, content = value(inner, fields["score"]), value(inner, fields["value"])
    sink = value(inner, fields["sink"]) if "sink" in fields else None
    keep = _keep(inner, fields)
    weight = fields.get("weight")
    name = weight.id if isinstance(weight, ast.Name) else "softmax"

    def at(t: int, j: int) -> Value:
        example = score(NOWHERE, NOWHERE)
        nothing = joined(np.multiply, example, content(NOWHERE, NOWHERE))
        axes = (*(a for a in example.axes if a not in _axes(content)), *_axes(content))
        total = np.zeros_like(nothing.ordered(axes).data)
        tokens = [] if t == NOWHERE else [
            s for s in range(f.run.time) if bool(admits(t, s).data)]  # fmt: skip
        if not tokens:
            return Value(axes, total)
        scores = np.stack([score(t, s).data for s in tokens])
        mask = np.ones(scores.shape, bool)
        if keep is not None:
            mask = _kept(keep, t, tokens, example)
        extra = None if sink is None else sink(t, t).along(example.axes)
        weights = _weights(name, scores, mask, extra)
        for w, s in zip(weights, tokens, strict=True):
            part = joined(np.multiply, Value(example.axes, w), content(t, s))
            total = total + part.ordered(axes).data
        return Value(axes, total)

    return at


def _axes(x: Thunk) -> tuple[str, ...]:
    return x(NOWHERE, NOWHERE).axes


def _weights(name: str, scores: Any, mask: Any, sink: Any | None) -> Any:
    """One weight for each token (axis 0) and entry of the score."""
    match name:
        case "softmax":
            top = np.max(np.where(mask, scores, -np.inf), axis=0)
            top = top if sink is None else np.maximum(top, sink)
            raised = np.where(mask, np.exp(np.where(mask, scores, 0) - top), 0)
            rest = 0 if sink is None else np.exp(sink - top)
            return raised / (raised.sum(0) + rest)
        case "sigmoid":
            found = sigmoid(scores)
        case "relu2":
            found = np.maximum(scores, 0) ** 2
        case "stickbreaking":
            return _broken(sigmoid(scores), sigmoid(-scores), mask)
        case _:
            found = scores
    return np.where(mask, found, 0)


def _broken(taken: Any, left: Any, mask: Any) -> Any:
    """The latest token takes its part of a stick, the next one of what is left, and so on."""
    weights = np.zeros(taken.shape)
    for entry in np.ndindex(*taken.shape[1:]):
        stick = 1.0
        for n in reversed(range(len(taken))):
            if mask[(n, *entry)]:
                weights[(n, *entry)] = stick * taken[(n, *entry)]
                stick = stick * left[(n, *entry)]
    return weights


# -- keep ------------------------------------------------------------------------------------------


def _keep(f: Frame, fields: Mapping[str, ast.Expr]) -> Keep | None:
    call = fields.get("keep")
    if call is None:
        return None
    assert isinstance(call, ast.Call)
    assert call.brackets is not None
    count, block = 1, None
    for slot in call.brackets.slots:
        size = whole(f, cast("ast.Expr", slot.value))
        if slot.name == "block":
            block = size
        else:
            count = size
    return Keep(value(f, call.arguments[0].value), count, block)


def _kept(keep: Keep, t: int, tokens: list[int], example: Value) -> Any:
    """Which admitted tokens stay, for each entry of the score."""
    shape = (len(tokens), *example.data.shape)
    worth = [keep.worth(t, s).along(example.axes) for s in tokens]
    worths = np.stack([np.broadcast_to(w, example.data.shape) for w in worth])
    mask = np.zeros(shape, bool)
    for entry in np.ndindex(*example.data.shape):
        column = [float(x) for x in worths[(slice(None), *entry)]]
        if keep.block is None:
            best = sorted(range(len(tokens)), key=lambda n: -column[n])[: keep.count]
        else:
            best = _best_blocks(column, [s // keep.block for s in tokens], keep.count)
        for n in best:
            mask[(n, *entry)] = True
    return mask


def _best_blocks(worths: list[float], blocks: list[int], count: int) -> list[int]:
    """Places of the tokens in the blocks of the largest mean, the earlier of equals."""
    members: dict[int, list[float]] = {}
    for block, worth in zip(blocks, worths, strict=True):
        members.setdefault(block, []).append(worth)
    means = {b: sum(xs) / len(xs) for b, xs in members.items()}
    best = sorted(means, key=lambda b: (-means[b], b))[:count]
    return [n for n, b in enumerate(blocks) if b in best]
