"""Corpora: what is trained on, what is held out, and which bytes a step sees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asiarch.train import data
from asiarch.train.data import Text
from asiarch.train.errors import DataError


def texts(count: int, size: int = 1000) -> list[Text]:
    return [Text(f"{n}.txt", bytes([n]) * (size + n)) for n in range(count)]


def content(corpus: data.Corpus) -> bytes:
    return bytes(corpus.train.tolist())


def test_files_are_held_out_whole_and_never_trained_on() -> None:
    corpus = data.corpus("t", texts(40))
    held_out = {text.content[0] for text in corpus.held_out}
    trained = set(corpus.train.tolist()) - {ord("\n")}
    assert held_out
    assert trained
    assert not held_out & trained
    assert corpus.held_out_bytes >= data.HELD_OUT_SHARE * sum(len(t.content) for t in texts(40))


def test_the_split_does_not_depend_on_the_order_of_files() -> None:
    forward, backward = data.corpus("t", texts(40)), data.corpus("t", texts(40)[::-1])
    assert forward.digest == backward.digest
    assert forward.held_out == backward.held_out
    assert torch.equal(forward.train, backward.train)


def test_the_digest_sees_content_and_names() -> None:
    base = texts(10)
    changed = [*base[:-1], Text(base[-1].name, base[-1].content[:-1] + b"!")]
    renamed = [*base[:-1], Text("other", base[-1].content)]
    digests = {data.corpus("t", some).digest for some in (base, changed, renamed)}
    assert len(digests) == 3


def test_one_text_loses_its_tail() -> None:
    whole = bytes(n % 251 for n in range(20_000))
    corpus = data.corpus("t", [Text("a", whole)])
    assert content(corpus) + corpus.held_out[0].content == whole


def test_one_text_that_dwarfs_the_rest_still_gives_both_parts() -> None:
    corpus = data.corpus("t", [Text("a", b"a" * 90_000), Text("b", b"b" * 10)])
    assert corpus.train.numel() > 80_000
    assert corpus.held_out_bytes > 0


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: root / "none.txt", "no such file"),
        (lambda root: root, "has no text"),
        (lambda root: write(root / "a.txt", b""), "has no text"),
        (lambda root: write(root / "a.txt", b"short"), "5 bytes of text; training needs at least"),
        (lambda root: write(root / "a.bin", b"\0" * 9999).parent, "has no text"),
    ],
)
def test_useless_data_is_named(prepare, message: str, tmp_path: Path) -> None:  # pyright: ignore
    with pytest.raises(DataError, match=message):
        data.load(prepare(tmp_path))


def test_a_folder_gives_its_text_files(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"a" * 5000)
    write(tmp_path / "sub" / "b.txt", b"b" * 5000)
    write(tmp_path / ".git" / "c", b"c" * 5000)
    write(tmp_path / "d.bin", b"d\0" * 5000)
    corpus = data.load(tmp_path)
    seen = content(corpus) + b"".join(text.content for text in corpus.held_out)
    assert set(seen) - {ord("\n")} == {ord("a"), ord("b")}


def test_the_default_text_is_python_source() -> None:
    corpus = data.load()
    assert corpus.files > 300
    assert corpus.train.numel() > 5_000_000
    assert b"def " in corpus.held_out[0].content
    assert corpus.digest in corpus.describe()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    train = torch.arange(256, dtype=torch.uint8).repeat(8)

    def draw(seed: int, step: int) -> torch.Tensor:
        return data.batch(train, seed=seed, step=step, size=4, time=16)[0]

    first = draw(1, 7)
    torch.rand(3)
    assert torch.equal(first, draw(1, 7))
    assert not torch.equal(first, draw(1, 8))
    assert not torch.equal(first, draw(2, 7))


def test_targets_are_the_next_ids() -> None:
    train = torch.arange(256, dtype=torch.uint8)
    ids, following = data.batch(train, seed=0, step=0, size=4, time=16)
    assert torch.equal(ids + 1, following)


def test_windows_tile_the_text_and_thin_out_evenly() -> None:
    text = Text("a", bytes(range(101)))
    tiles = data.windows([text], 10, 10_000)
    assert tiles.shape == (10, 11)
    assert tiles[:, 1:].flatten().tolist() == list(range(1, 101))
    thinned = data.windows([text], 10, 30)
    assert [int(row[0]) for row in thinned] == [0, 40, 90]


def test_held_out_text_shorter_than_a_row_is_named() -> None:
    with pytest.raises(DataError, match="longer than 200 bytes"):
        data.windows([Text("a", bytes(101))], 200, 10_000)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
