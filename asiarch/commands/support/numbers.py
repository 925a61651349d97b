"""Whole numbers on the command line, refused where they are read: what, and what may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable

LARGEST = 2**63 - 1


def whole(least: int, most: int = LARGEST) -> Callable[[str], int]:
    """The `type` of a flag. Raises argparse.ArgumentTypeError outside of the bounds."""

    def parse(text: str) -> int:
        try:
            number = int(text) if len(text) <= 32 else None
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if number is None or not least <= number <= most:
            upper = "2^63 - 1" if most == LARGEST else f"{most:,}"
            said = text if len(text) <= 32 else f"{text[:29]}..."
            raise argparse.ArgumentTypeError(f"{said} is not between {least} and {upper}")
        return number

    return parse


seed = whole(-LARGEST - 1)
"""Of a random generator: what 64 bits hold."""
