"""Mutants of the rules of primitives and domains: which law kills each, and which survive.

`--sample N` takes N of them, spread evenly; `--only TEXT` those whose name holds the text;
`--changed` those of files that differ from the last commit of main, or a sample when none does.
Equivalent ones are listed with the reason why no test can tell them from the rule. The exit status
is 1 when one survives.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from asiarch.fuzz.ledger import commit
from asiarch.fuzz.mutants import Mutant, killed, mutants, programs_by_op

ROOT = Path(__file__).resolve().parents[1]
LEDGER = ROOT / "benchmarks" / "ledger" / "mutants.jsonl"
DOMAINS = {"grade": "grade", "cost": "cost", "ranges": "range"}
"""Files of facts and what the names of their mutants begin with."""
SAMPLE = 8

PRINTED = "printed by a rule of its own"
POWER = "the ring and dual numbers have a rule of their own for powers"
EQUIVALENT = {
    "add.float64.swapped": "x + y is y + x",
    "add.derivative.swapped": "both derivatives are 1",
    "add.spelling.swapped": "x + y is y + x",
    "mul.float64.swapped": "x * y is y * x",
    "mul.spelling.swapped": "x * y is y * x",
    "maximum.float64.swapped": "max(x, y) is max(y, x)",
    "maximum.spelling.swapped": "max(x, y) is max(y, x)",
    "minimum.float64.swapped": "min(x, y) is min(y, x)",
    "minimum.spelling.swapped": "min(x, y) is min(y, x)",
    "maximum.spelling.sign": "printed by a rule of its own, as a clamp or torch.maximum",
    "minimum.spelling.sign": "printed by a rule of its own, as a clamp or torch.minimum",
    "equal.float64.swapped": "x == y is y == x",
    "equal.spelling.swapped": "x == y is y == x",
    "not_equal.float64.swapped": "x != y is y != x",
    "not_equal.spelling.swapped": "x != y is y != x",
    "and.float64.swapped": "a and b is b and a",
    "or.float64.swapped": "a or b is b or a",
    "and.spelling.swapped": "a and b is b and a",
    "or.spelling.swapped": "a or b is b or a",
    "anneal.derivative0.sign": "the derivative by the first value is 0",
    "anneal.spelling.sign": PRINTED,
    "anneal.spelling.swapped": PRINTED,
    "dropout.spelling.sign": PRINTED,
    "pow.spelling.sign": PRINTED,
    "pow.spelling.swapped": PRINTED,
    "pow.derivative0.sign": POWER,
    "pow.derivative1.sign": POWER,
    "pow.derivative.swapped": POWER,
    "pow.ring.sign": POWER,
    "grade.cumulative.later": "it reads back without bound, and one token less is without bound",
    "select.derivative0.sign": "the derivative by a condition is 0",
}


def changed() -> list[Mutant]:
    """Mutants of primitives and domains whose files differ from where this branch left main; on
    main itself, from the commit before. All of a sample when none differs.
    """
    base = _git("merge-base", "HEAD", "main") or "HEAD~1"
    if base == _git("rev-parse", "HEAD"):
        base = "HEAD~1"
    files = _git("diff", "--name-only", base, "--", "asiarch/ir").split()
    stems = {Path(f).stem for f in files if "/primitives/" in f}
    starts = tuple(f"{DOMAINS[s]}." for f in files if (s := Path(f).stem) in DOMAINS)
    every = mutants()
    found = [m for m in every if m.name.partition(".")[0] in stems or m.name.startswith(starts)]
    return found or sampled(every, SAMPLE)


def _git(*words: str) -> str:
    run = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True,
                         check=False)  # fmt: skip
    return run.stdout.strip()


def sampled(every: Sequence[Mutant], count: int) -> list[Mutant]:
    """So many, spread evenly; other ones on another day."""
    step = max(len(every) // count, 1)
    return list(every[date.today().toordinal() % step :: step][:count])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="how many mutants")
    parser.add_argument("--only", default="", help="parts of names, with commas")
    parser.add_argument("--changed", action="store_true", help="those of files that changed")
    parser.add_argument("--seeds", type=int, default=150, help="drawn programs to choose from")
    parser.add_argument("--each", type=int, default=4, help="programs for one mutant")
    parser.add_argument("--ledger", action="store_true", help=f"append to {LEDGER.name}")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    began = time.monotonic()
    parts = arguments.only.split(",")
    chosen = [m for m in mutants() if any(p in m.name for p in parts)]
    if arguments.changed:
        chosen = changed()
    elif arguments.sample:
        chosen = sampled(chosen, arguments.sample)
    ops = {m.op for m in chosen}
    programs = programs_by_op(range(arguments.seeds), arguments.each, ops)
    dead, same, alive = 0, 0, list[str]()
    for mutant in chosen:
        cases = programs.get(mutant.op, ())
        law = None if mutant.name in EQUIVALENT else killed(mutant, cases)
        dead, same = dead + (law is not None), same + (mutant.name in EQUIVALENT)
        verdict = f"killed by {law}" if law else "SURVIVES" if cases else "NO PROGRAM HOLDS IT"
        if mutant.name in EQUIVALENT:
            verdict = f"equivalent: {EQUIVALENT[mutant.name]}"
        elif law is None:
            alive.append(mutant.name)
        print(f"{mutant.name:<34} {verdict}", flush=True)
    print(f"{len(chosen)} mutants: {dead} killed, {same} equivalent, {len(alive)} survive")
    if arguments.ledger:
        entry = {"suite": "M1", "mutants": len(chosen), "killed": dead, "equivalent": same,
                 "survived": alive, "whole": len(chosen) == len(mutants()), "commit": commit(),
                 "seconds": round(time.monotonic() - began, 1), "date": date.today().isoformat(),
                 "machine": f"{platform.machine()} CPU, one core"}  # fmt: skip
        with LEDGER.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry, sort_keys=True) + "\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
