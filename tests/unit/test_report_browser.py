"""The page's script in a browser, where there is one: what it shows once it has run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from asiarch.search.report import page as page_module
from asiarch.search.report.example import example
from asiarch.search.report.page import page
from asiarch.search.report.text import anchor

BROWSER = next(
    (b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
MADE = example(80, code=False)


def shown(text: str, folder: Path, fragment: str = "") -> str:
    """The page as it is after its script."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'own'}",
        "--virtual-time-budget=3000", "--dump-dom", f"file://{file}{fragment}",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("the browser did not answer")
    return done.stdout


def test_a_link_opens_a_packed_section_and_rows_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "INLINE", 0)
    text = page(MADE)
    last = max((c for c in MADE.candidates if c.edits), key=lambda c: c.order)
    found = shown(text, tmp_path, f"#{anchor(last.id)}")
    section = found.split(f'id="{anchor(last.id)}"')[1].split("</details>")[0]
    assert section.startswith(' open=""')
    assert last.edits[0].what in section
    assert found.count("data-part=") == text.count("data-part=") - 1
    assert re.search(r'<output id="shown"[^>]*>88 of 88</output>', found)
    assert "hidden" not in found.split('id="filter"')[1].split(">")[0]


def test_a_script_that_the_page_does_not_name_is_not_run(tmp_path: Path) -> None:
    """The policy, where escaping failed."""
    planted = "<script>document.title = 'planted'</script><img src=x onerror=document.title='b'>"
    text = page(MADE)
    ours = text.replace("<main>", f"<main>{planted}")
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", ours)
    assert "<title>planted</title>" in shown(free, tmp_path) or "<title>b</title>" in shown(
        free, tmp_path
    )
    assert "<title>Search: made-up data</title>" in shown(ours, tmp_path)
