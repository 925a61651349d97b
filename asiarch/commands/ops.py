"""The operators: primitives of the registry, and what the prelude defines in the language itself.

With a name, its signature, what it does, its definition if it has one, and lines that use it.
"""

from __future__ import annotations

import argparse

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.reference import Entry, entries, uses_of
from asiarch.commands.support.terminal import columns

SUMMARY = "the operator reference"
EXAMPLES = 4


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="one operator; all without")


def run(arguments: argparse.Namespace) -> int:
    known = entries()
    if arguments.name is None:
        _all(known)
        return 0
    entry = known.get(arguments.name.strip("`"))
    if entry is None:
        raise CommandError(_unknown(arguments.name, list(known)))
    _one(entry)
    return 0


def _unknown(name: str, known: list[str]) -> str:
    from asiarch.language.names import suggest

    near = suggest(name, known)
    hint = f"did you mean `{near}`?" if near else "`asiarch ops` lists them"
    return f"there is no operator `{name}`; {hint}"


def _all(known: dict[str, Entry]) -> None:
    groups: dict[str, list[Entry]] = {}
    for entry in known.values():
        groups.setdefault(entry.group, []).append(entry)
    for number, (group, members) in enumerate(groups.items()):
        print(f"{'' if number == 0 else chr(10)}{group}")
        for line in columns([(f"  {e.signature}", e.summary) for e in members]):
            print(line)


def _one(entry: Entry) -> None:
    print(f"{entry.signature}\n")
    print(entry.text)
    if entry.definition:
        print(f"\nDefined in the language:\n\n{_indented(entry.definition)}")
    found = uses_of(entry.name, EXAMPLES)
    if found:
        print("\nExamples:\n")
        for line in columns([(f"  {use.line}", f"# {use.file}") for use in found]):
            print(line)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
