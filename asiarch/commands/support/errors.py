"""The error of a command that cannot do its work, with its exit status."""

from __future__ import annotations

PROGRAM, USAGE = 1, 2


class CommandError(Exception):
    """What went wrong, in a line or two. `status` is USAGE (a wrong call) or PROGRAM."""

    def __init__(self, message: str, status: int = USAGE) -> None:
        super().__init__(message)
        self.status = status
