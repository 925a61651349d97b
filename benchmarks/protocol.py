"""What the protocol `full` does to noise: family-wise error and power, from simulated runs.

    python benchmarks/protocol.py train aa.json --task update.small --seeds 6 --replicas 3
    python benchmarks/protocol.py rates [aa.json ...] --runs 5000 [--ledger]

`train` makes real A/A runs: one operator under other names of its values, so that replicas of a
seed share its data and draw their own weights. `rates` resamples them; tasks without runs take the
spreads that were measured on small tasks, two of them with jumps. `--ledger` appends row S8.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import time
from datetime import date
from importlib.resources import files
from pathlib import Path

import numpy as np

from asiarch.fuzz.ledger import commit
from asiarch.search.protocol import FULL
from asiarch.search.stats.paired import noise
from asiarch.search.stats.simulate import Rates, simulate

LEDGER = Path(__file__).resolve().parent / "ledger" / "protocol.jsonl"


def renamed(text: str, replica: int) -> str:
    """The same operator with q, k, v, b, a under other names: the same program, other weights."""
    return re.sub(r"\b([qkvba])\b", rf"\1{'r' * replica}", text)


def train(path: Path, task: str, op: str, seeds: int, replicas: int, rate: float) -> None:
    """Runs that `path` has already are not run again; it is written after each replica."""
    import torch

    from asiarch.search.analyst.delete import alone
    from asiarch.train.tasks import Run
    from asiarch.train.tasks import train as trained

    torch.set_num_threads(1)
    text = alone((files("asiarch.library") / "panel.asi").read_text(), op)
    known = json.loads(path.read_text()) if path.exists() else {"task": task, "op": op, "rows": []}
    for replica in range(len(known["rows"]), replicas):
        body = renamed(text, replica)
        runs = [Run(body, op, task, seed=s, learning_rate=rate) for s in range(seeds)]
        results = trained(runs)
        keep = ("status", "auc", "final_loss", "metrics")
        known["rows"].append([{k: getattr(r, k) for k in keep} for r in results])
        path.write_text(json.dumps(known))
        print(f"{task} {op}: replica {replica + 1} of {replicas}", flush=True)


def like_measured(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Results [24 seeds, 6 replicas] with the spreads of the areas under the loss that were
    measured with six seeds: update and copy with runs that come late, two smooth tasks.
    """

    def smooth(sigma: float) -> np.ndarray:
        return (rng.normal(size=(24, 1)) * 0.7 + rng.normal(size=(24, 6))) * sigma

    def jump(unsolved: float) -> np.ndarray:
        late = rng.random((24, 6)) < unsolved
        return np.where(late, rng.normal(2.8, 0.3, (24, 6)), rng.normal(1.8, 0.15, (24, 6)))

    return {
        "update.small": jump(0.2),
        "copy.small": jump(0.1),
        "compression.small": smooth(0.05),
        "bytes.small": smooth(0.015),
    }


def rates(paths: list[Path], runs: int, ledger: bool) -> None:
    pools = like_measured(np.random.default_rng(0))
    for path in paths:
        data = json.loads(path.read_text())
        pool = np.array([[r["auc"] for r in row] for row in data["rows"]], dtype=float).T
        pools[data["task"]] = pool
        found = noise(pool.T)
        rho = found.rho
        print(f"{data['task']} ({data['op']}, {pool.shape[0]} seeds x {pool.shape[1]} replicas): "
              f"sigma {found.sigma:.3g}, rho {rho.value:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}], "
              f"paired sd {found.paired:.3g}, bimodality {found.bimodal:.2f}")  # fmt: skip
    print(f"protocol {FULL.name} {FULL.hash[:12]}, {runs} simulated runs a row")
    print("| candidates | planted | screening | family-wise error [95 % limit] | found [limits] | "
          "fooled by the races | shortlist | s |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    settings = [(10, 0, False), (20, 0, True), (40, 0, True), (20, 1, True), (40, 1, True), (40, 4, True)]  # fmt: skip # noqa: E501
    for count, planted, screening in settings:
        start = time.perf_counter()
        found = simulate(FULL, pools, np.random.default_rng(1), runs=runs, candidates=count,
                         planted=planted, screening=screening)  # fmt: skip
        seconds = time.perf_counter() - start
        print(_row(found, count, planted, screening, seconds), flush=True)
        if ledger and count in (10, 20) and bool(planted) == screening:
            _append(found, count, [p.stem for p in paths], seconds)


def _row(found: Rates, count: int, planted: int, screening: bool, seconds: float) -> str:
    f, g = found.family, found.found
    power = f"{g.value:.3f} [{g.low:.3f}, {g.high:.3f}]" if planted else "-"
    fooled = f"{found.fooled.value:.3f}" if screening else "-"
    error = f"{f.value:.4f} [{f.high:.4f}]"
    races = "races" if screening else "none"
    cells = (
        count,
        planted,
        races,
        error,
        power,
        fooled,
        f"{found.shortlist:.1f}",
        f"{seconds:.0f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _append(found: Rates, count: int, pools: list[str], seconds: float) -> None:
    """A line of the ledger: the worst case of the error, or the power."""
    entry = {
        "suite": "S8", "protocol": FULL.hash, "candidates": count, "real": pools,
        "runs": found.family.trials, "false": found.family.hits,
        "planted": found.found.trials, "found": found.found.hits,
        "seconds": round(seconds, 1), "commit": commit(), "date": date.today().isoformat(),
        "machine": f"{platform.machine()} CPU",
    }  # fmt: skip
    with LEDGER.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("train")
    made.add_argument("path", type=Path)
    made.add_argument("--task", default="update.small")
    made.add_argument("--op", default="gdn_mixer")
    made.add_argument("--seeds", type=int, default=6)
    made.add_argument("--replicas", type=int, default=3)
    made.add_argument("--rate", type=float, default=6e-3)
    shown = commands.add_parser("rates")
    shown.add_argument("paths", nargs="*", type=Path)
    shown.add_argument("--runs", type=int, default=5000)
    shown.add_argument("--ledger", action="store_true")
    given = parser.parse_args()
    if given.command == "train":
        train(given.path, given.task, given.op, given.seeds, given.replicas, given.rate)
    else:
        rates(given.paths, given.runs, given.ledger)


if __name__ == "__main__":
    main()
