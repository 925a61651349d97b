"""`python -m asiarch.search.report.example FOLDER [FIGURE ...]`"""

from __future__ import annotations

import sys
from pathlib import Path

from asiarch.search.report.example import example
from asiarch.search.report.page import page
from asiarch.search.report.sections import pictures


def main(folder: str, *names: str) -> None:
    """Writes the page and all figures, or only the figures that are named."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    made = example(code=not names)
    texts = {f"{f.name}.svg": f.svg() for f in pictures(made) if not names or f.name in names}
    if not names:
        texts["report.html"] = page(made)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
        print(f"{root / name}  {len(text.encode()) / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m asiarch.search.report.example FOLDER [FIGURE ...]")
    main(*sys.argv[1:])
