"""What a person sees while a run goes on."""

from __future__ import annotations

import io

from asiarch.train.progress import Live, Plain, Step, choose, clock


def step(number: int, held_out: float | None = None) -> Step:
    return Step(number, 100, 2.5, held_out, 12_345.6, 83.0)


def test_plain_lines_come_now_and_then_and_at_the_end() -> None:
    stream, now = io.StringIO(), 0.0
    progress = Plain(stream, every=5.0, now=lambda: now)
    progress.start(100, 0)
    for number in range(1, 101):
        now += 0.11
        progress.step(step(number, 2.75 if number == 100 else None))
    progress.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["10/100", "56/100", "100/100"]
    assert lines[0].split("  ")[1:] == ["bits per byte 2.500", "12,346 bytes/s", "1:23 to go"]
    assert "held-out 2.750" in lines[-1]


def test_the_live_bar_shows_the_same_line_and_keeps_notes() -> None:
    stream = io.StringIO()
    progress = Live(stream)
    progress.start(100, 40)
    progress.step(step(50))
    progress.note("saved [here]")
    progress.close()
    shown = stream.getvalue()
    assert "saved [here]" in shown
    assert "step 50/100" in shown


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(choose(io.StringIO()), Plain)


def test_a_terminal_gets_the_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(choose(Terminal()), Live)


def test_clock() -> None:
    assert [clock(s) for s in (-1, 0, 59.6, 3599, 3600)] == [
        "0:00",
        "0:00",
        "1:00",
        "59:59",
        "1:00:00",
    ]
