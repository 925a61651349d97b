"""Planted bugs: how many drawn programs until a law finds each. Ends with a table and the median.

`--ledger` appends a line of JSON per hunt to benchmarks/ledger/planted.jsonl and skips those that
are there for this commit; `--table FILE` writes the table of the ledger's last hunts of every bug.
Interrupt it at will: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from asiarch.fuzz.bug import plant
from asiarch.fuzz.bugs import BUGS
from asiarch.fuzz.hunt import LIMIT, Find, Sound, hunt, table
from asiarch.fuzz.ledger import commit

LEDGER = Path(__file__).resolve().parent / "ledger" / "planted.jsonl"
FIELDS = ("bug", "first", "programs", "law", "said", "seed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bugs", help="names, with commas; all without it")
    parser.add_argument("--limit", type=int, default=LIMIT, help="programs for one bug")
    parser.add_argument("--seeds", default="0", help="first seeds, with commas: a hunt for each")
    parser.add_argument("--ledger", action="store_true", help=f"append to {LEDGER.name}")
    parser.add_argument("--memory", type=Path, help="a file for which programs the package passes")
    parser.add_argument("--table", type=Path, help="write the ledger's table there, hunt nothing")
    arguments = parser.parse_args()
    if arguments.table:
        write_table(arguments.table)
        return
    wanted = set(arguments.bugs.split(",")) if arguments.bugs else {b.name for b in BUGS}
    bugs = [b for b in BUGS if b.name in wanted]
    if unknown := wanted - {b.name for b in bugs}:
        parser.error(f"no bug {', '.join(sorted(unknown))}")
    finds: list[Find] = []
    import torch  # once, before processes are forked

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="asiarch-sound-") as folder:
        sound = Sound(plant(Path(folder)), arguments.memory)
        with sound.worker:
            for first in map(int, arguments.seeds.split(",")):
                for bug in bugs:
                    known = _known(bug.name, first) if arguments.ledger else None
                    find = known or hunt(bug, sound, first, arguments.limit)
                    finds.append(find)
                    print(f"{bug.name}: {find.law} after {find.programs} programs", flush=True)
                    if arguments.ledger and known is None:
                        _append(find)
    print(table(bugs, finds))


def _lines() -> list[dict[str, Any]]:
    if not LEDGER.exists():
        return []
    return [json.loads(line) for line in LEDGER.read_text(encoding="utf-8").splitlines()]


def _find(line: dict[str, Any]) -> Find:
    return Find(**{name: line[name] for name in FIELDS})


def _known(name: str, first: int) -> Find | None:
    """The hunt of this commit."""
    now = commit()
    mine = [x for x in _lines() if (x["bug"], x["first"], x["commit"]) == (name, first, now)]
    return _find(mine[-1]) if mine else None


def _append(find: Find) -> None:
    about = {"date": date.today().isoformat(), "commit": commit(),
             "machine": f"{platform.machine()} CPU, one core"}  # fmt: skip
    LEDGER.parent.mkdir(parents=True, exist_ok=True)
    with LEDGER.open("a", encoding="utf-8") as stream:
        fields = {name: getattr(find, name) for name in FIELDS}
        stream.write(json.dumps(fields | about, sort_keys=True) + "\n")


def _in_history(commit: str) -> bool:
    """Is it a commit that this one descends from?"""
    words = ["git", "-C", str(LEDGER.parent), "merge-base", "--is-ancestor", commit, "HEAD"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def write_table(path: Path) -> None:
    """The last hunt of every bug and first seed, as docs have it. Hunts of commits that are none
    of this history are superseded: nobody can repeat them.
    """
    commits = {x["commit"] for x in _lines()}
    mine = {c for c in commits if _in_history(c)}
    names = {b.name for b in BUGS}
    last = {
        (x["bug"], x["first"]): x for x in _lines() if x["commit"] in mine and x["bug"] in names
    }
    dates = sorted({x["date"] for x in last.values()})
    commits = sorted({x["commit"] for x in last.values()})
    machines = sorted({x["machine"] for x in last.values()})
    head = (
        "# Planted bugs\n\n"
        "Each is one hunk in a copy of the shipped code. Drawn programs that the sound code passes "
        "go through those of the ordinary laws that look at its file until one fails; the number "
        "of programs is shown, one for each first seed. "
        "Made by `python benchmarks/planted.py --ledger` and `--table`, "
        f"{dates[0]} to {dates[-1]}, commits {', '.join(commits)}, {', '.join(machines)}.\n\n"
    )
    finds = [_find(x) for x in last.values()]
    path.write_text(head + table(BUGS, finds) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
