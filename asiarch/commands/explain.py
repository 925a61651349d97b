"""The story of a diagnostic: what the rule is for, a wrong program and the right one.

Without a code, every code in one line each.
"""

from __future__ import annotations

import argparse

from asiarch.commands.support.errors import CommandError

SUMMARY = "the story of a diagnostic, by its code"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="as in E0301; all of them without")


def run(arguments: argparse.Namespace) -> int:
    from asiarch.language.explain import codes, explain
    from asiarch.language.names import suggest

    known = list(codes())
    if arguments.code is None:
        for code in known:
            print(_title(explain(code), code))
        return 0
    code = arguments.code.strip("[]`").upper()
    if code.isdecimal():
        code = f"E{code:0>4}"
    if code not in known:
        near = suggest(code, known)
        hint = f"did you mean {near}?" if near else "`asiarch explain` lists them"
        raise CommandError(f"no diagnostic has the code {arguments.code}; {hint}")
    print(explain(code).rstrip())
    return 0


def _title(story: str, code: str) -> str:
    first = story.lstrip().partition("\n")[0].strip("# ")
    return first if first.startswith(code) else f"{code}: {first}"
