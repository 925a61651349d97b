"""Faults to plant in our side of an oracle: an oracle that does not see them shows nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from asiarch.laws.oracles.oracle import Definition, Leaves, Oracle


def scaled(oracle: Oracle, stream: int) -> Oracle:
    """Every other entry of one stream, of a decay say, times 1.01.

    Not all entries: what is normalised does not change with the length of its queries. A stream
    that only chooses tokens is changed by more, until other tokens are chosen.
    """
    factor = -2.0 if stream in oracle.chooses else 1.01

    def ours(x: Leaves) -> Sequence[Tensor]:
        return [_every_other(y, factor) if n == stream else y for n, y in enumerate(oracle.ours(x))]

    return replace(oracle, ours=ours)


def _every_other(x: Tensor, factor: float) -> Tensor:
    odd = torch.arange(x.shape[-1]) % 2 == 1
    return torch.where(odd, x, x * factor)


def transposed(oracle: Oracle) -> Oracle | None:
    """Keys for values and values for keys: the state lies on its side. None without both."""
    axes = {n: oracle.leaves[n].axes if n in oracle.leaves else () for n in "kv"}
    if axes["k"] != (*axes["v"][:-1], "K") or axes["v"][-1:] != ("V",):
        return None

    def ours(x: Leaves) -> Sequence[Tensor]:
        return oracle.ours(Leaves(**{**vars(x), "k": x.v, "v": x.k}))

    return replace(oracle, ours=ours, sizes={**oracle.sizes, "V": oracle.sizes["K"]})


def body_of(oracle: Oracle) -> str:
    """The text of the definition itself, without what it calls."""
    made = oracle.definition
    found = re.search(rf"^(op|model) {made.op}\b.*?^}}", made.text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"there is no `{made.op}` in {made.filename}")
    return found.group()


def read_point(oracle: Oracle) -> Oracle | None:
    """Below their equations states are read a token too early, or too late where the old one is
    meant; an attend with the current token is one without, and the other way round.

    None where the text has neither.
    """
    made, body = oracle.definition, body_of(oracle)
    changed = re.sub(r"\bj (<=?) t\b", lambda m: f"j {'<' if m[1] == '<=' else '<='} t", body)
    states = re.findall(r"\bstate (\w+)\[", body)
    equations = [m.end() for m in re.finditer(r"^ +(\w+) = .*$", changed, re.MULTILINE)
                 if m[1] in states]  # fmt: skip
    below = max(equations, default=len(changed))
    tail = changed[below:]
    for name in states:
        moved = {f"{name}[t-1]": name, name: f"{name}[t-1]"}
        tail = re.sub(rf"\b{name}(\[t-1\]|\b(?!\[))", lambda m, to=moved: to[m[0]], tail)
    if changed[:below] + tail == body:
        return None
    text = made.text.replace(body, changed[:below] + tail)
    return replace(oracle, definition=Definition(made.op, None, text, made.filename))
