"""Prove or refute what programs claim, without running them.

For every good definition one line: which tokens it reads, its cost, its parameters, and the class
of each recurrence. Exit status: 0 all good, 1 errors in a program, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from asiarch.commands.support.files import Input, read_all
from asiarch.commands.support.terminal import print_diagnostics
from asiarch.commands.support.verdicts import ledger_lines, verdict_lines

SUMMARY = "prove or refute what programs claim"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="programs, folders of them, or -")
    parser.add_argument("--json", action="store_true", help="the record for machines")
    parser.add_argument("--ledger", action="store_true", help="every claim with what decided it")


def run(arguments: argparse.Namespace) -> int:
    inputs = read_all(arguments.files)
    from asiarch.analysis.report import check

    reports = [(given, check(given.text, given.name)) for given in inputs]
    if arguments.json:
        _json(reports)
    else:
        for given, report in reports:
            _show(given, report, arguments.ledger, len(reports) > 1)
    return 0 if all(report.ok for _, report in reports) else 1


def _json(reports: list[tuple[Input, Any]]) -> None:
    records = {given.name: report.as_json() for given, report in reports}
    if len(records) == 1:
        merged = next(iter(records.values()))
    else:
        merged = {
            "ok": all(r["ok"] for r in records.values()),
            "diagnostics": [d for r in records.values() for d in r["diagnostics"]],
            "files": records,
        }
    json.dump(merged, sys.stdout, indent=1, ensure_ascii=False)
    print()


def _show(given: Input, report: Any, ledger: bool, several: bool) -> None:
    print_diagnostics(report.diagnostics, report.source, others=report.sources)
    errors = sum(d.severity == "error" for d in report.diagnostics)
    if several or errors:
        print(f"{given.name}: {_count(errors, 'error')}" if errors else f"{given.name}: good")
    for line in ledger_lines(report.ops) if ledger else verdict_lines(report.ops):
        print(f"  {line}" if several or errors else line)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
