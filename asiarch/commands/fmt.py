"""Rewrite programs in the one layout; comments are kept. `-` reads standard input, and writes out.

With --check nothing is written: the files that would change are named, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys

from asiarch.commands.support.files import Input, read_all, write
from asiarch.commands.support.terminal import print_diagnostics
from asiarch.language.diagnostics import SpecError

SUMMARY = "rewrite programs in the one layout"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="programs, folders of them, or -")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, name what would change"
    )


def run(arguments: argparse.Namespace) -> int:
    from asiarch.language.formatter import format as format_text

    changed = wrong = 0
    for given in read_all(arguments.files):
        try:
            text = format_text(given.text, given.name)
        except SpecError as error:
            wrong += 1
            print_diagnostics(error.diagnostics, error.source, sys.stderr)
            continue
        changed += text != given.text
        _put(given, text, arguments.check)
    return 1 if wrong or (changed and arguments.check) else 0


def _put(given: Input, text: str, check: bool) -> None:
    if check:
        if text != given.text:
            print(f"would change {given.name}")
    elif given.path is None:
        sys.stdout.write(text)
    elif text != given.text:
        write(str(given.path), text)
        print(f"changed {given.name}")
