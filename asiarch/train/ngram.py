"""Byte n-gram models: what counting alone achieves on a split, as the line to beat.

An order-k model predicts a byte from the k bytes before it. Orders are interpolated by Witten and
Bell's rule (Bell, Cleary and Witten, *Text Compression*, 1990, method C): a context seen n times
with d different successors gives the next shorter context the weight d / (n + d).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from asiarch.train.data import VOCABULARY

HIGHEST = 6


@dataclass(frozen=True, slots=True)
class _Counts:
    """Sorted codes of the strings of one length with how often each occurs."""

    codes: torch.Tensor
    counts: torch.Tensor

    def of(self, codes: torch.Tensor) -> torch.Tensor:
        """Counts, float64, of the strings with these codes; 0 where never seen."""
        at = torch.searchsorted(self.codes, codes).clamp(max=len(self.codes) - 1)
        return torch.where(self.codes[at] == codes, self.counts[at], 0).double()


@dataclass(frozen=True, slots=True)
class NGram:
    """Counts by length of context: of strings one byte longer, of what followed each context."""

    order: int
    strings: tuple[_Counts, ...]
    followed: tuple[_Counts, ...]
    successors: tuple[_Counts, ...]

    def bits_per_byte(self, windows: torch.Tensor) -> float:
        """Mean of -log2 p over the bytes of windows `[count, time + 1]` but each one's first.

        Near the start of a window the context is as short as a network's.
        """
        probability = torch.full(windows[:, 1:].shape, 1.0 / VOCABULARY, dtype=torch.float64)
        time = windows.shape[1] - 1
        for order in range(self.order + 1):
            # Bytes first..time have at least `order` bytes of the window before them.
            first = max(1, order)
            columns = torch.arange(first, time + 1)
            context = _codes_at(windows, columns - order, order)
            code = context * VOCABULARY + windows[:, columns]
            shorter = probability[:, first - 1 :]
            seen = self.followed[order].of(context)
            different = self.successors[order].of(context)
            mixed = (self.strings[order].of(code) + different * shorter) / (seen + different)
            probability[:, first - 1 :] = torch.where(seen > 0, mixed, shorter)
        return float(-probability.log2().mean())


def fit(train: torch.Tensor, order: int) -> NGram:
    """Counts the strings of bytes `[length]`; order 0 is the unigram model, 1 the bigram."""
    if not 0 <= order <= HIGHEST:
        raise ValueError(f"order must be from 0 to {HIGHEST}, not {order}")
    content = train.long()
    strings: list[_Counts] = []
    followed: list[_Counts] = []
    successors: list[_Counts] = []
    for length in range(1, order + 2):
        codes = _codes_at(content[None], torch.arange(len(content) - length + 1), length)[0]
        string = _tally(torch.from_numpy(np.sort(codes.numpy())))
        strings.append(string)
        # Strings in order have their contexts in order, so both tallies are of runs.
        context = _tally(string.codes // VOCABULARY)
        successors.append(context)
        ends = context.counts.cumsum(0)
        sums = torch.nn.functional.pad(string.counts.cumsum(0), (1, 0))
        followed.append(_Counts(context.codes, sums[ends] - sums[ends - context.counts]))
    return NGram(order, tuple(strings), tuple(followed), tuple(successors))


def baselines(train: torch.Tensor, windows: torch.Tensor) -> dict[str, float]:
    """Bits per byte of the unigram, bigram and order-3 models on held-out windows."""
    full = fit(train, 3)
    orders = {"unigram": 0, "bigram": 1, "order-3": 3}
    return {name: _up_to(full, order).bits_per_byte(windows) for name, order in orders.items()}


def _tally(ordered: torch.Tensor) -> _Counts:
    starts = torch.cat([torch.ones(1, dtype=torch.bool), ordered[1:] != ordered[:-1]])
    at = starts.nonzero()[:, 0]
    return _Counts(ordered[at], torch.diff(at, append=torch.tensor([len(ordered)])))


def _up_to(model: NGram, order: int) -> NGram:
    kept = slice(order + 1)
    return NGram(order, model.strings[kept], model.followed[kept], model.successors[kept])


def _codes_at(texts: torch.Tensor, starts: torch.Tensor, length: int) -> torch.Tensor:
    """The string of `length` bytes at each start as one number, int64 `[texts, starts]`."""
    code = torch.zeros(len(texts), len(starts), dtype=torch.int64)
    for offset in range(length):
        code = code * VOCABULARY + texts[:, starts + offset]
    return code
