"""How many tokens a chunk has."""

from __future__ import annotations

import pytest

from kernels.chunks.torch import even


@pytest.mark.parametrize(
    ("longest", "size", "halves", "tokens"),
    [
        (40, 64, False, 40),
        (65, 64, False, 40),
        (128, 64, False, 64),
        (5, 64, False, 5),
        (0, 64, False, 1),
        (9, 4, False, 3),
        (40, 64, True, 64),
        (65, 64, True, 64),
        (16, 64, True, 16),
    ],
)
def test_chunks_are_as_few_as_asked_for_and_equally_long(
    longest: int, size: int, halves: bool, tokens: int
) -> None:
    assert even(longest, size, halves) == tokens
