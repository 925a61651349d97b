"""The oracle table: our definitions beside what others wrote for the same operators.

    python benchmarks/oracles.py                   the table, to the screen
    python benchmarks/oracles.py --only delta      the rows whose name holds this
    python benchmarks/oracles.py --write           docs/oracles.md

Install the references with `make oracles`; a row whose package is not there says so.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import torch

from asiarch.laws.oracles.excluded import EXCLUDED, Excluded, difference
from asiarch.laws.oracles.measure import measure
from asiarch.laws.oracles.oracle import Oracle
from asiarch.laws.oracles.references import Absent
from asiarch.laws.oracles.registry import ORACLES, UNSAID, named
from asiarch.laws.tolerances import ANOTHERS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "oracles.md"
LIMIT = ANOTHERS[torch.float64]
HEAD = ("operator", "ours", "reference", "largest error", "token loop", "relative RMS", "gradient")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row(o) for o in named(arguments.only)]
    if arguments.write:
        PAGE.write_text(page(rows), encoding="utf-8")
    print(table(HEAD, rows))


def row(oracle: Oracle) -> tuple[str, ...]:
    reference = oracle.reference
    where = f"{reference.package}: `{reference.where}`, `{reference.function}`"
    head = (oracle.name, f"`{oracle.definition.label}`", where)
    try:
        found = measure(oracle)
    except Absent:
        return (*head, "not installed", "", "", "")
    numbers = (found.error, found.loop, found.rms, max(found.gradient, found.slope))
    return (*head, *(f"{n:.1e}" for n in numbers))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def excluded(wrong: Excluded) -> tuple[str, ...]:
    reference = wrong.oracle.reference
    try:
        found = f"{difference(wrong):.1e}"
    except Absent:
        found = "not installed"
    return f"`{reference.where}`, `{reference.function}`", wrong.reason, found


def versions() -> str:
    packages = {o.reference.package: o.reference.version for o in ORACLES}
    found = {**packages, "torch": torch.__version__}
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()))


def page(rows: Sequence[Sequence[str]]) -> str:
    return f"""# Independent oracles

Our definitions beside other people's code for the same operators, outputs and gradients. Made by
`python benchmarks/oracles.py --write` on {date.today().isoformat()}, {platform.machine()} CPU, one
core, Python {platform.python_version()}; {versions()}. `make oracles` installs the references;
tests compare what is installed (`tests/differential/test_oracles.py`).

Both sides get the same random numbers in float64. Most references cast to float32 inside; they
run here as they stand, but a cast to float32 is taken as one to float64, so that agreement means
the same function and not the same rounding. `largest error`: the emitted module's largest
difference, of the reference's largest value; `token loop`: the same for the interpreter that is the
meaning of a program; `gradient`: the worst leaf under the module's autograd, or the token loop's
derivative along random directions, whichever is further off. All have to stay under {LIMIT:.0e}.

Each oracle has been seen to fail: with every other entry of any stream times 1.01, with a state
that is read before it is written (or the other way round), and with keys and values exchanged (a
state on its side).

{table(HEAD, rows)}

{len(rows)} comparisons of {len({r[1] for r in rows})} definitions.

## Not compared with

References that differ from the equations, as a test shows: the largest difference of an output or a
gradient from our definition, of its size; `inf` where it fails or is not finite.

{table(("reference", "why", "difference"), [excluded(e) for e in EXCLUDED])}

Every other `naive.py` of flash-linear-attention is compared with, but for those of operators that
the language does not say:

{table(("reference", "why"), [(f"`{where}`", why) for where, why in UNSAID.items()])}
"""


if __name__ == "__main__":
    main()
