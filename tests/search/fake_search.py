"""A search in a process of its own, over a real store with workers, in a world without training.

python -m tests.search.fake_search STORE ARM CANDIDATES WORKERS: prints the archive.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from asiarch.search.executor import Kind, Limits
from asiarch.search.job import Context, Job, Outcome
from asiarch.search.loop import ARMS, Settings
from asiarch.search.loop.session import session
from tests.search.fake import TINY, World

PAUSE = 0.02
KINDS = {
    name: Kind(f"tests.search.fake_search:{name}", Limits(seconds=20.0))
    for name in ("check", "train", "audit")
}
WORLD = World(seconds=PAUSE)
SHORT = TINY.named("short", select_seeds=0, learning_rates=(1e-2,))


def check(jobs: Sequence[Job], context: Context) -> Sequence[Outcome]:
    return [WORLD(job) for job in jobs]


def train(jobs: Sequence[Job], context: Context) -> Sequence[Outcome]:
    time.sleep(PAUSE)
    return [WORLD(job) for job in jobs]


audit = check


def settings(arm: str, candidates: int | None, workers: int, master: int = 0) -> Settings:
    return Settings(SHORT, ARMS[arm], master, f"short-{arm}-{master}", candidates, workers)


def main(store: str, arm: str, candidates: str, workers: str) -> None:
    with session(Path(store), settings(arm, int(candidates), int(workers)), kinds=KINDS) as opened:
        print(opened.search().archive())


if __name__ == "__main__":
    main(*sys.argv[1:])
