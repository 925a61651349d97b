"""Libraries that a command needs, asked for before it begins and without loading them."""

from __future__ import annotations

from importlib.util import find_spec

from asiarch.commands.support.errors import PROGRAM, CommandError


def needs_torch(what: str) -> None:
    """Raises CommandError, with what to install, where there is no torch."""
    try:
        there = find_spec("torch") is not None
    except ImportError:
        there = False
    if not there:
        raise CommandError(f"{what} needs torch: pip install 'asiarch[torch,search]'", PROGRAM)
