"""How a search is shown: live in a terminal, plain lines elsewhere; the table at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from asiarch.search.loop import Found, Standing

EVERY = 15.0
"""Seconds between plain lines."""


class Show(Protocol):
    """A watch of a search, with what runs now."""

    def stands(self, standing: Standing) -> None: ...
    def note(self, text: str) -> None: ...
    def batch(self, done: int, total: int) -> None: ...
    def close(self) -> None: ...


class Plain:
    """Notes, and a line at every stage that lasts."""

    def __init__(self, left: Callable[[], float | None], stream: TextIO) -> None:
        self._left, self._stream = left, stream
        self._said = float("-inf")
        self._standing: Standing | None = None

    def stands(self, standing: Standing) -> None:
        self._standing = standing
        self._maybe(0, 0)

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def batch(self, done: int, total: int) -> None:
        self._maybe(done, total)

    def close(self) -> None:
        pass

    def _maybe(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._standing is not None and now - self._said >= EVERY:
            self._said = now
            jobs = f", run {done} of {total}" if total else ""
            left = self._left()
            time_left = "" if left is None else f", {clock(left)} left"
            counts = "; ".join(lines_of(self._standing))
            self.note(f"{self._standing.stage}{jobs}{time_left}: {counts}")


class Live:
    """Redraws in place; notes stay above. Needs rich and a terminal."""

    def __init__(self, left: Callable[[], float | None], stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as Redrawn

        self._left = left
        self._began = time.monotonic()
        self._standing: Standing | None = None
        self._jobs = ""
        console = Console(file=stream)
        self._live = Redrawn(console=console, refresh_per_second=2, get_renderable=self._drawn)
        self._live.start()

    def stands(self, standing: Standing) -> None:
        self._standing, self._jobs = standing, ""

    def note(self, text: str) -> None:
        from rich.text import Text

        self._live.console.print(Text(text))

    def batch(self, done: int, total: int) -> None:
        self._jobs = f"  run {done} of {total}"

    def close(self) -> None:
        self._live.stop()

    def _drawn(self) -> Any:
        from rich.text import Text

        if self._standing is None:
            return Text("starting: the process that runs jobs imports torch")
        left = self._left()
        passed = time.monotonic() - self._began
        clocks = f"  {clock(passed)} passed" + ("" if left is None else f", {clock(left)} left")
        clocks += _to_go(self._standing, passed)
        head = Text(f"{self._standing.stage}{self._jobs}{clocks}", style="bold")
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
    """Where a search stands, in words."""
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
