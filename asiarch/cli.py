"""The command line: picks the command's file, turns what went wrong into a line and an exit status.

0 all good, 1 a program (or a run of it) is wrong, 2 wrong usage, 130 interrupted. A command is a
file of `asiarch.commands`; only the one that is called is loaded, so that `check` starts at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from asiarch import __version__, commands
from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.terminal import print_diagnostics
from asiarch.language.diagnostics import SpecError

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status and raises SystemExit for wrong usage only."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parser(words).parse_args(words)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"asiarch: error: {error}", file=sys.stderr)
        return error.status
    except SpecError as error:
        print_diagnostics(error.diagnostics, error.source, sys.stderr)
        return 1
    except MemoryError as error:
        said = f": {error}" if str(error) else ""
        print(f"asiarch: error: this does not fit into memory{said}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return BROKEN_PIPE
    return status


def names() -> list[str]:
    """Every command: the files of `asiarch.commands`."""
    files = iter_modules(commands.__path__)
    return [found.name.replace("_", "-") for found in files if not found.ispkg]


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asiarch",
        description="Check, show, compile and train attention operators written as equations.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"asiarch {__version__}")
    known = names()
    wanted = [words[0]] if words and words[0] in known else known
    commands_of = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in wanted:
        command: Any = import_module(f"asiarch.commands.{name.replace('-', '_')}")
        sub = commands_of.add_parser(
            name, help=command.SUMMARY, description=command.__doc__, allow_abbrev=False
        )
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return parser


def _close_stdout() -> None:
    """The reader has gone: what Python would still flush at its exit goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
