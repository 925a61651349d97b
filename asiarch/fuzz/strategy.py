"""A hypothesis strategy of programs. Its choices shrink, and with them the program."""

from __future__ import annotations

from typing import Any

from asiarch.fuzz.generate import draw
from asiarch.fuzz.policy import CAUSAL, Policy


def programs(policy: Policy = CAUSAL) -> Any:
    """Drawn programs. Raises ImportError, with what to install, where hypothesis is absent."""
    try:
        from hypothesis import strategies
    except ImportError:
        raise ImportError(
            "asiarch.fuzz.programs needs hypothesis: pip install 'asiarch[dev]'"
        ) from None
    return strategies.randoms(use_true_random=False).map(lambda rng: draw(rng, policy))
