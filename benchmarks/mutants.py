"""Mutants of the rules of primitives and domains: which law kills each, and which survive.

`--sample N` takes N of them, spread evenly; `--only TEXT` those whose name holds the text.
Equivalent ones are listed with the reason why no test can tell them from the rule.
"""

from __future__ import annotations

import argparse
from collections import Counter

from asiarch.fuzz.mutants import killed, mutants, programs_by_op

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
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="how many mutants")
    parser.add_argument("--only", default="", help="parts of names, with commas")
    parser.add_argument("--seeds", type=int, default=150, help="drawn programs to choose from")
    parser.add_argument("--each", type=int, default=3, help="programs for one mutant")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    parts = arguments.only.split(",")
    every = [m for m in mutants() if any(p in m.name for p in parts)]
    step = max(len(every) // arguments.sample, 1) if arguments.sample else 1
    chosen = every[::step][: arguments.sample]
    programs = programs_by_op(range(arguments.seeds), arguments.each)
    verdicts: Counter[str] = Counter()
    for mutant in chosen:
        held = programs.get(mutant.op, ())
        law = killed(mutant, held)
        verdict = f"killed by {law}" if law else "SURVIVED" if held else "no program holds it"
        if law is None and mutant.name in EQUIVALENT:
            verdict = f"equivalent: {EQUIVALENT[mutant.name]}"
        verdicts[verdict.split()[0].strip(":")] += 1
        print(f"{mutant.name:<34} {verdict}", flush=True)
    print(", ".join(f"{n} {v}" for v, n in verdicts.most_common()), f"of {len(every)} mutants")


if __name__ == "__main__":
    main()
