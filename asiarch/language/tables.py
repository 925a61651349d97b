"""The LALR tables: made from the grammar by lark, shipped in the package, read in a millisecond.

`grammar/tables.bin` carries a hash of the grammar; when it does not fit, the tables are made again
in memory. Parsing needs no lark then; lark (strict) is the tests' judge of what this automaton
accepts. Only `write_tables` writes a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from asiarch import grammar

FORMAT = 1
IGNORED = frozenset({"SPACE", "COMMENT"})


@dataclass(frozen=True, slots=True)
class Rule:
    """`origin: symbols`. `action` is None where the value of the one symbol passes through."""

    origin: str
    symbols: tuple[str, ...]
    action: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """`states[s][symbol]` is the next state (>= 0), or `~r` to reduce by rule r."""

    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    start: int
    end: int
    patterns: dict[str, str]  # of the terminals that are no fixed text
    literals: dict[str, str]  # text of a punctuation or keyword -> its terminal

    def word(self, terminal: str) -> str | None:
        """The fixed text of a terminal."""
        return next((t for t, name in self.literals.items() if name == terminal), None)


FOLDER = os.path.dirname(grammar.__file__)
STORED = os.path.join(FOLDER, "tables.bin")


def grammar_text() -> str:
    with open(os.path.join(FOLDER, "asiarch.lark"), encoding="utf-8") as file:
        return file.read()


def fingerprint(text: str) -> bytes:
    return hashlib.blake2b(f"{FORMAT}\n{text}".encode(), digest_size=16).digest()


@cache
def load() -> Tables:
    """The tables, from the package when they fit its grammar."""
    text = grammar_text()
    if os.path.exists(STORED):
        with open(STORED, "rb") as file:
            stored = file.read()
        if stored[:16] == fingerprint(text):
            return decode(json.loads(zlib.decompress(stored[16:])))
    return decode(build(text))


def lark_parser(text: str, *, strict: bool = False) -> Any:
    """Lark's own parser of the grammar."""
    from lark import Lark

    return Lark(text, parser="lalr", lexer="contextual", strict=strict, maybe_placeholders=False)


def build(text: str) -> dict[str, Any]:
    """The tables of a grammar as plain data, made by lark."""
    parser = lark_parser(text)
    table = parser.parser.parser._parse_table
    rules = sorted(parser.rules, key=_rule_key)
    number = {rule: n for n, rule in enumerate(rules)}
    order = _state_order(table)
    rows: list[dict[str, int]] = []
    for state in order:
        row: dict[str, int] = {}
        for symbol, (action, argument) in sorted(table.states[state].items()):
            row[symbol] = order[argument] if action.name == "Shift" else ~number[argument]
        rows.append(row)
    return {
        "rules": [
            [r.origin.name, [s.name for s in r.expansion], r.alias, r.options.expand1]
            for r in rules
        ],
        "states": rows,
        "ends": [order[table.start_states["start"]], order[table.end_states["start"]]],
        "terminals": sorted([t.name, t.pattern.type, t.pattern.value] for t in parser.terminals),
    }


def _rule_key(rule: Any) -> tuple[str, list[str], str]:
    return rule.origin.name, [s.name for s in rule.expansion], rule.alias or ""


def _state_order(table: Any) -> dict[int, int]:
    """States numbered by a walk from the start: lark's own numbers change from run to run."""
    order: dict[int, int] = {table.start_states["start"]: 0}
    queue = list(order)
    for state in queue:
        for _, (action, argument) in sorted(table.states[state].items()):
            if action.name == "Shift" and argument not in order:
                order[argument] = len(order)
                queue.append(argument)
    return order


def decode(data: dict[str, Any]) -> Tables:
    rules: list[Rule] = []
    for origin, symbols, alias, passes in data["rules"]:
        action = alias or (None if passes and len(symbols) == 1 else origin)
        rules.append(Rule(origin, tuple(symbols), action))
    start, end = data["ends"]
    patterns = {name: value for name, kind, value in data["terminals"] if kind == "re"}
    literals = {value: name for name, kind, value in data["terminals"] if kind == "str"}
    return Tables(tuple(rules), tuple(data["states"]), start, end, patterns, literals)


def tables() -> bytes:
    """What `tables.bin` holds."""
    text = grammar_text()
    data = json.dumps(build(text), separators=(",", ":"))
    return fingerprint(text) + zlib.compress(data.encode(), 9)


def write_tables() -> None:
    """Write `grammar/tables.bin` anew, after a change of the grammar."""
    with open(STORED, "wb") as file:
        file.write(tables())


if __name__ == "__main__":
    write_tables()
