"""How a search is shown: live in a terminal, plain lines elsewhere; the table at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from asiarch.search.loop import Found, Standing
    from asiarch.search.loop.session import Spent, Step

EVERY = 15.0
"""Seconds between plain lines."""
GOAL = 0.03
"""Of bookkeeping, beside the CPU time of jobs."""
REDRAW = 0.5
"""Seconds between pictures in a terminal, at least."""


class Show(Protocol):
    """A watch of a search, with what runs now."""

    def stands(self, standing: Standing) -> None: ...
    def note(self, text: str) -> None: ...
    def batch(self, done: int, total: int) -> None: ...
    def close(self) -> None: ...


class Batch:
    """How far the runs are that are waited for, and how long the rest will take."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._done, self._total, self._began = 0, 0, time.monotonic()

    def at(self, done: int, total: int) -> None:
        if total != self._total or done < self._done:
            self._began = time.monotonic()
        self._done, self._total = done, total

    def __str__(self) -> str:
        if not self._total:
            return ""
        passed = time.monotonic() - self._began
        rest = passed / self._done * (self._total - self._done) if self._done else 0.0
        to_go = f", {clock(rest)} to go for these" if rest else ""
        return f": run {self._done} of {self._total}{to_go}"


class Plain:
    """Notes, and a line now and then."""

    def __init__(self, left: Callable[[], float | None], stream: TextIO) -> None:
        self._left, self._stream = left, stream
        self._said = float("-inf")
        self._standing: Standing | None = None
        self._batch = Batch()

    def stands(self, standing: Standing) -> None:
        self._standing = standing
        self._batch.clear()
        self._maybe()

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def batch(self, done: int, total: int) -> None:
        self._batch.at(done, total)
        self._maybe()

    def close(self) -> None:
        pass

    def _maybe(self) -> None:
        now = time.monotonic()
        if self._standing is not None and now - self._said >= EVERY:
            self._said = now
            left = self._left()
            time_left = "" if left is None else f", {clock(left)} left"
            counts = "".join(f"; {line}" for line in lines_of(self._standing))
            self.note(f"{self._standing.stage}{self._batch}{time_left}{counts}")


class Live:
    """Redraws in place; notes stay above. Needs rich and a terminal.

    Drawn by the thread that searches, whose store it asks for the time that is left.
    """

    def __init__(self, left: Callable[[], float | None], stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as Redrawn

        self._left = left
        self._began = time.monotonic()
        self._drew = float("-inf")
        self._standing: Standing | None = None
        self._batch = Batch()
        console = Console(file=stream)
        self._live = Redrawn(console=console, auto_refresh=False, get_renderable=self._drawn)
        self._live.start(refresh=True)

    def stands(self, standing: Standing) -> None:
        self._standing = standing
        self._batch.clear()
        self._live.refresh()

    def note(self, text: str) -> None:
        from rich.text import Text

        self._live.console.print(Text(text))

    def batch(self, done: int, total: int) -> None:
        self._batch.at(done, total)
        if time.monotonic() - self._drew >= REDRAW:
            self._live.refresh()

    def close(self) -> None:
        self._live.stop()

    def _drawn(self) -> Any:
        from rich.text import Text

        self._drew = time.monotonic()
        if self._standing is None:
            return Text("starting: the process that runs jobs imports torch")
        left = self._left()
        passed = time.monotonic() - self._began
        clocks = f"  {clock(passed)} passed" + ("" if left is None else f", {clock(left)} left")
        clocks += _to_go(self._standing, passed)
        head = Text(f"{self._standing.stage}{self._batch}{clocks}", style="bold")
        body = "\n".join([*lines_of(self._standing), *leaders_of(self._standing)])
        return Text("\n").join([head, Text(body)])


def choose(left: Callable[[], float | None]) -> Show:
    """Live where standard error is a terminal and rich is there, else plain lines."""
    stream: TextIO = sys.stderr
    if stream.isatty():
        try:
            return Live(left, stream)
        except ImportError:
            pass
    return Plain(left, stream)


def lines_of(s: Standing) -> Iterator[str]:
    """Where a search stands, in words; nothing before it has begun to propose."""
    if not s.niches:
        return
    of = f" of {s.limit}" if s.limit is not None else ""
    yield (
        f"round {s.round}: {s.proposed} proposed, {sum(s.rejected.values())} rejected,"
        f" {s.candidates}{of} candidates"
    )
    yield (
        f"{s.raced} measured in {s.niches} niches, {s.failed} failed, {s.promoted} promoted,"
        f" {s.claimed} claimed"
    )


def leaders_of(s: Standing) -> Iterator[str]:
    """The best so far."""
    for leader in s.leaders:
        yield (
            f"  {leader.name}  {leader.mean:+.2f} [{leader.low:+.2f}, {leader.high:+.2f}] sd"
            f" over {leader.n} seeds"
        )


def _to_go(s: Standing, passed: float) -> str:
    if s.limit is None or not s.candidates or s.candidates >= s.limit:
        return ""
    return f", about {clock(passed / s.candidates * (s.limit - s.candidates))} to go"


def summary(found: Found) -> Iterator[str]:
    """The table at the end."""
    history = found.history
    yield f"ended: {found.ended}"
    if history is None:
        yield "the panel was not measured in time: raise the budget"
        return
    rejected = ", ".join(
        f"{why} {n} ({tier})" for (tier, why), n in sorted(history.rejected.items())
    )
    failed: dict[str, int] = {}
    for raced in history.failed:
        failed[raced.reason] = failed.get(raced.reason, 0) + 1
    rows = [
        ("proposed", str(history.proposed), ""),
        ("rejected", str(sum(history.rejected.values())), rejected),
        ("raced", str(len(history.found()) + len(history.failed)),
         ", ".join(f"{why} {n}" for why, n in sorted(failed.items()))),
        ("promoted", str(len(found.promoted)), ""),
        ("claimed", str(sum(v.confirmed for v in found.verdicts)), claims(found)),
    ]  # fmt: skip
    for name, count, why in rows:
        yield f"  {name:<10}{count:>6}  {why}".rstrip()


def work(spent: Spent) -> Iterator[str]:
    """What deciding took beside training, in this session; nothing where nothing was trained."""
    if spent.jobs:
        rate = spent.candidates / spent.jobs * 3600
        yield (
            f"bookkeeping took {spent.share:.1%} of the CPU time of the jobs"
            f" ({spent.bookkeeping:.1f} of {spent.jobs:.0f} s; goal {GOAL:.0%});"
            f" {rate:.0f} candidates per CPU-hour"
        )


def stepped(step: Step) -> str:
    """What a training step is made of here."""
    return (
        f"a training step of {step.design} on {step.task} takes {step.milliseconds:.1f} ms of CPU"
        f" time, of which matrix products are at least {step.share:.0%}"
    )


def claims(found: Found) -> str:
    """Why there are claims or none."""
    if not found.settings.protocol.claims:
        return f"protocol {found.settings.protocol.name} only screens"
    if not found.verdicts:
        return "nothing was confirmed"
    return f"of a shortlist of {len(found.verdicts)}"


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(int(seconds), 60)
    return (
        f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
        if minutes >= 60
        else f"{minutes}:{rest:02d}"
    )
