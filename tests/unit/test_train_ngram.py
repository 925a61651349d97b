"""The n-gram models are probabilities, and count what they say they count."""

from __future__ import annotations

import math

import pytest
import torch

from asiarch.train import ngram


def as_windows(text: bytes) -> torch.Tensor:
    return torch.tensor([list(text)])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("context", [b"abra", b"zzzz", b"cadx", b"\xff\0ab"])
def test_probabilities_of_the_next_byte_sum_to_one(order: int, context: bytes) -> None:
    model = ngram.fit(torch.tensor(list(b"abracadabra, abracadabra!"), dtype=torch.uint8), order)
    before = model.bits_per_byte(as_windows(context)) * (len(context) - 1)
    total = 0.0
    for byte in range(256):
        bits = model.bits_per_byte(as_windows(context + bytes([byte]))) * len(context)
        total += 2.0 ** -(bits - before)
    assert total == pytest.approx(1.0, abs=1e-9)


def test_a_bigram_by_hand() -> None:
    # After "a" came "b" twice and "c" once: n = 3, d = 2. Unigram: 8 bytes, 4 different.
    model = ngram.fit(torch.tensor(list(b"abacab!!"), dtype=torch.uint8), 1)
    unigram = (2 + 4 / 256) / (8 + 4)
    expected = (2 + 2 * unigram) / (3 + 2)
    assert model.bits_per_byte(as_windows(b"ab")) == pytest.approx(-math.log2(expected), rel=1e-12)


def test_a_longer_context_helps_where_it_decides() -> None:
    text = torch.tensor(list(b"xab yac " * 200), dtype=torch.uint8)
    bits = ngram.baselines(text, text[:161].long()[None])
    assert bits["unigram"] > 2.4
    assert bits["unigram"] > bits["bigram"] + 1
    assert bits["bigram"] > bits["order-3"] + 0.3
    assert bits["order-3"] < 0.1
