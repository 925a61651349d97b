"""The scoreboard of reliability, from the ledgers: `python benchmarks/scoreboard.py` writes it.

`--measure C3,H1,F5` first runs what these rows are measured by and appends a line for each.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from asiarch.fuzz.bugs import BUGS
from asiarch.fuzz.ledger import commit

ROOT = Path(__file__).resolve().parents[1]
LEDGER = ROOT / "benchmarks" / "ledger"
BOARD = ROOT / "benchmarks" / "SCOREBOARD.md"
CASES = ROOT / "tests" / "fuzz_cases"

FUZZED = {
    "C1": ("no program that reads ahead is accepted as causal", "non_causal", ("grade", "causal")),
    "C2": ("programs that are causal by construction are accepted", "causal", ("accepted",)),
    "F1": ("the torch module equals the token loop: ring, float64, float32", "causal",
           ("ring", "float64", "float32")),
    "F2": ("gradients, streaming, stepping, packing, prefix, length, batch", "causal", ("laws",)),
}  # fmt: skip
"""Row: its promise, the policy that draws, the checks that judge."""

MEASURED = {
    "C3": ("the leak zoo is refused at the right line, its twins pass",
           ("pytest", "-q", "-n", "0", "tests/zoo")),
    "F5": ("the generator is wide: the distribution is asserted",
           ("asiarch", "fuzz", "--distribution", "300")),
    "H1": ("hostile text: a diagnostic within its limits",
           ("pytest", "-q", "-n", "0", "tests/hostile")),
    "S2": ("a write that fails, a disk that is full: what was recorded stays, and an error says so",
           ("pytest", "-q", "-n", "0", "tests/unit/search", "-k", "full_disk or write_fails")),
    "S3": ("a job that eats memory, forks, hangs or crashes is stopped at its limit",
           ("pytest", "-q", "-n", "0", "tests/unit/search", "-k", "misbehaves or outlives")),
}  # fmt: skip
"""Row: its promise, the module that measures it with its arguments."""

SOAKED = {
    "S1": "`kill -9` in a search: nothing lost, recorded or charged twice, torn, left running",
    "S4": "eight processes on one store, killed at random: each job once, leases exclusive",
    "S5": "one seed gives one archive, byte for byte, with 1, 2 and 8 workers",
}
"""Row: its promise; `benchmarks/store_soak.py` measures it. n: kills, jobs, seeds."""

Line = Mapping[str, Any]


def lines(name: str) -> list[Line]:
    path = LEDGER / f"{name}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def union(ranges: Iterable[Sequence[int]]) -> int:
    """How many seeds half-open ranges hold, each once."""
    count, reached = 0, -1
    for first, end in sorted(map(tuple, ranges)):
        count += max(0, end - max(first, reached))
        reached = max(reached, end)
    return count


def fuzzed(row: str, ledger: Sequence[Line]) -> str:
    """A row of drawn programs. Seeds that were drawn twice, at whatever commit, count once."""
    promise, policy, checks = FUZZED[row]
    mine = [e for e in ledger if e["policy"] == policy and set(checks) <= set(e["checks"])]
    if not mine:
        return f"| {row} | {promise} | 0 | | | |"
    n = union(e["seeds"] for e in mine)
    failures = sum(e["failures"].get(c, 0) for e in mine for c in checks)
    left = max((sum(e["not_judged"].get(c, 0) for e in mine), c) for c in checks)
    found = f"{failures}" + (f" of {n}: {1 - failures / n:.3%} pass" if failures else "")
    return _row(row, promise, n, found, "" if failures else f"{3 / n:.2g}",
                f"not judged by `{left[1]}`: {left[0]}; {_last(mine)}")  # fmt: skip


def planted(ledger: Sequence[Line]) -> str:
    """Of each bug that there is its last hunt."""
    names = {b.name for b in BUGS}
    last = {e["bug"]: e for e in ledger if e["bug"] in names}
    counts = sorted(e["programs"] if e["law"] else 10**9 for e in last.values())
    found = sum(1 for e in last.values() if e["law"])
    median = counts[len(counts) // 2] if counts else 0
    shown = "none" if median == 10**9 else str(median)
    return _row("F4", "planted bugs are found by the ordinary laws", len(last),
                f"{len(last) - found} not found", "",
                f"median programs to find one: {shown}; {_last(ledger)}")  # fmt: skip


def mutated(ledger: Sequence[Line]) -> str:
    """The last run over all mutants."""
    whole = [e for e in ledger if e["whole"]]
    if not whole:
        return "| M1 | tests kill mutants of the rules | 0 | | | |"
    e = whole[-1]
    return _row("M1", "tests kill mutants of the rules", e["mutants"],
                f"{len(e['survived'])} survive", "",
                f"{e['killed']} killed, {e['equivalent']} equivalent by argument; "
                f"{_last(whole)}")  # fmt: skip


def simulated(ledger: Sequence[Line]) -> str:
    """The last simulation of the claim protocol on noise, and with one design that is better."""
    promise = "a search in noise claims something in at most 5 % of runs; 1.6 sds are found in 80 %"
    noise = [e for e in ledger if not e["planted"]]
    better = [e for e in ledger if e["planted"]]
    if not noise or not better:
        return f"| S8 | {promise} | 0 | | | |"
    n, power = noise[-1], better[-1]
    return _row("S8", promise, n["runs"], f"{n['false']} claims of a copy", "",
                f"found {power['found'] / power['planted']:.1%} of {power['planted']:,} among "
                f"{power['candidates']}; {_last(ledger)}")  # fmt: skip


def measured(row: str, ledger: Sequence[Line]) -> str:
    promise = MEASURED[row][0]
    mine = [e for e in ledger if e["suite"] == row]
    if not mine:
        return f"| {row} | {promise} | 0 | | | |"
    e = mine[-1]
    return _row(row, promise, e["n"], str(e["failures"]), "", _last(mine))


def soaked(row: str, ledger: Sequence[Line]) -> str:
    """A row of the soak. A round that failed stays, whatever was fixed since."""
    mine = [e for e in ledger if e["suite"] == row]
    n, failures = (sum(e[name] for e in mine) for name in ("n", "failures"))
    bound = f"{3 / n:.2g}" if n and not failures else ""
    found = [f"seed {e['seed']} at {e['commit']}: {e['found'][0]}" for e in mine if e["failures"]]
    return _row(row, SOAKED[row], n, str(failures), bound, "; ".join([*found, _last(mine)]))


def _row(row: str, promise: str, n: int, failures: str, bound: str, more: str) -> str:
    return f"| {row} | {promise} | {n:,} | {failures} | {bound} | {more} |"


def _last(ledger: Sequence[Line]) -> str:
    return f"last at {ledger[-1]['commit']}, {ledger[-1]['date']}" if ledger else ""


def finds() -> list[str]:
    """A row for every program that once failed, from the head of its file."""
    out: list[str] = []
    for path in sorted(CASES.glob("*.asi")):
        text = path.read_text(encoding="utf-8")
        cause = re.search(r"^# cause: (.*)$", text, re.M)
        fixed = re.search(r"^# fixed: (.*)$", text, re.M)
        out.append(f"| {path.stem} | {cause[1] if cause else ''} | {fixed[1] if fixed else ''} |")
    return out


def board() -> str:
    """The text of the scoreboard: the ledgers alone decide it."""
    fuzz, suites = lines("fuzz"), lines("suites")
    rows = {r: fuzzed(r, fuzz) for r in FUZZED} | {r: measured(r, suites) for r in MEASURED}
    rows |= {r: soaked(r, lines("store_soak")) for r in SOAKED}
    rows |= {"F4": planted(lines("planted")), "M1": mutated(lines("mutants"))}
    rows |= {"S8": simulated(lines("protocol"))}
    return "\n".join([
        "# Scoreboard of reliability", "",
        "Made by `python benchmarks/scoreboard.py` from `benchmarks/ledger/*.jsonl`, which is only "
        "added to. Without a failure in n, the rate of failures is below 3/n with 95 % "
        "confidence.", "",
        "| id | promise | n | failures | below | more |", "|---|---|---|---|---|---|",
        *(rows[r] for r in sorted(rows)), "",
        "## Failures ever found", "",
        "Each is a program in `tests/fuzz_cases` that every check passes since.", "",
        "| program | cause | fixed by |", "|---|---|---|", *finds(), "",
    ])  # fmt: skip


def measure(row: str) -> None:
    """Run a row's command and append what it gave. n: tests, or programs."""
    arguments = MEASURED[row][1]
    began = time.monotonic()
    run = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True,
                         text=True, check=False)  # fmt: skip
    said = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else ""
    passed, failed = (re.search(rf"(\d+) {word}", said) for word in ("passed", "failed"))
    if arguments[0] == "asiarch":
        n, failures = int(arguments[-1]), run.stdout.count("too rare")
    else:
        n, failures = (int(found[1]) if found else 0 for found in (passed, failed))
        n += failures
    entry = {"suite": row, "n": n, "failures": failures, "command": " ".join(arguments),
             "seconds": round(time.monotonic() - began, 1), "commit": commit(),
             "date": date.today().isoformat(), "machine": f"{platform.machine()} CPU"}  # fmt: skip
    with (LEDGER / "suites.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, sort_keys=True) + "\n")
    print(f"{row}: {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", default="", help="rows, with commas")
    for row in filter(None, parser.parse_args().measure.split(",")):
        measure(row)
    BOARD.write_text(board(), encoding="utf-8")


if __name__ == "__main__":
    main()
