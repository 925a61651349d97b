"""Libraries that a command needs, asked for before it begins and without loading them."""

from __future__ import annotations

from importlib.util import find_spec

from asiarch.commands.support.errors import PROGRAM, CommandError


def check_device(name: str) -> None:
    """Raises CommandError for a device that torch does not have here. Loads torch."""
    import torch

    try:
        torch.zeros(1, device=name).add(1).item()
    # A build without CUDA raises AssertionError, a device without data NotImplementedError, which
    # is a RuntimeError, as is that for a name that nobody knows.
    except (RuntimeError, AssertionError) as error:
        said = str(error).partition("\n")[0].partition(": ")[0]
        raise CommandError(
            f"--device {name}: torch cannot compute there ({said})", PROGRAM
        ) from None


def needs_torch(what: str) -> None:
    """Raises CommandError, with what to install, where there is no torch."""
    try:
        there = find_spec("torch") is not None
    except ImportError:
        there = False
    if not there:
        raise CommandError(f"{what} needs torch: pip install 'asiarch[torch,search]'", PROGRAM)
