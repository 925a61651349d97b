"""Every code that the program can say has a page, whose programs do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import asiarch
from asiarch.language.explain import SECTIONS, codes, example, explain
from asiarch.language.formatter import format

SOURCE = Path(asiarch.__file__).parent


def _used() -> set[str]:
    """Codes in the sources, but for what explains them."""
    found: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        if "commands" not in file.parts:
            found |= set(re.findall(r'"([EW]0\d{3})"', file.read_text(encoding="utf-8")))
    return found


def _codes_of(text: str) -> set[str]:
    return {d.code for d in asiarch.check(text, "page.asi").diagnostics}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert _used() == set(codes())


@pytest.mark.parametrize("code", codes())
def test_sections(code: str) -> None:
    page = explain(code)
    assert page.startswith(f"# {code}: ")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == list(SECTIONS)
    assert all(len(line) <= 160 for line in page.splitlines())


@pytest.mark.parametrize("code", codes())
def test_wrong_gives_exactly_this_code(code: str) -> None:
    assert _codes_of(example(code, "Wrong")) == {code}


@pytest.mark.parametrize("code", codes())
def test_right_gives_none_and_is_formatted(code: str) -> None:
    program = example(code, "Right")
    assert _codes_of(program) == set()
    assert format(program) == program


def test_a_code_without_a_page() -> None:
    with pytest.raises(KeyError):
        explain("E9999")
    with pytest.raises(KeyError):
        explain("../E0001")


def test_repeated_lines_are_spelled_out() -> None:
    assert len(example("E0010", "Wrong").encode()) > 64 * 1024
