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
    if not {"k", "v"} <= set(oracle.leaves) or not {"K", "V"} <= set(oracle.sizes):
        return None

    def ours(x: Leaves) -> Sequence[Tensor]:
        return oracle.ours(Leaves(**{**vars(x), "k": x.v, "v": x.k}))

    return replace(oracle, ours=ours, sizes={**oracle.sizes, "V": oracle.sizes["K"]})


def read_before_write(oracle: Oracle) -> Oracle | None:
    """What is returned reads the states of the token before, or an attend stops before `t`.

    None where the text has no such place.
    """
    made = oracle.definition
    found = re.search(rf"^(op|model) {made.op}\b.*?^}}", made.text, re.MULTILINE | re.DOTALL)
    if found is None:
        return None
    body = found.group()
    states = re.findall(r"\bstate (\w+)\[", body)
    changed = body.replace("<= t ", "< t ")
    for name in states:
        head, read, tail = changed.rpartition("\n  return ")
        changed = head + read + re.sub(rf"\b{name}\b(?!\[)", f"{name}[t-1]", tail)
    if changed == body:
        return None
    text = made.text.replace(body, changed)
    own = Definition(made.op, None, text, made.filename)
    return replace(oracle, definition=own)
