"""How a tensor library writes the steps that expressions are made of; layout is decided elsewhere.

A spelling is asked for one step at a time and knows no node, no axis name and no operator. What
primitives are called in it is in their own files, under `name`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from asiarch.codegen.writer import member

ATOM = 100


@dataclass(frozen=True, slots=True)
class Text:
    """An expression and how tightly it binds."""

    text: str
    precedence: int = ATOM

    def within(self, precedence: int) -> str:
        return self.text if self.precedence >= precedence else f"({self.text})"

    @property
    def atom(self) -> str:
        return self.within(ATOM)


class Spelling(Protocol):
    """Dimensions are Python's, negative ones from the end; `like` is the text of a tensor."""

    name: str
    helpers: set[str]
    """Functions of `helpers` that the text calls."""
    documents: str
    """The argument that says where documents begin in packed rows."""
    counting: str
    """The type of positions in a decode state."""
    origin: str
    """Positions before the first token."""
    tensor: str
    """The type of a tensor, as an annotation."""
    infinity: str
    keeping: str
    """The argument that keeps the dimensions of a reduction."""
    some: str
    """Any parameter, of a program that has some."""
    ordinal: str
    """Positions of a block as numbers, where nothing else says of which type."""
    apart: bool
    """Do loops and kernels take the state that is given apart from the one that documents start
    with?"""
    openings: bool
    """Can attention keep a window and a document's first tokens, and nothing between?"""
    norms: bool
    """Has the library norms over the last dimensions?"""
    static: bool
    """Are shapes fixed before any number is known?"""
    unbounded: str
    """How many tokens a cache without bound has room for at first."""

    def kernel(self, folder: str, variant: str = "") -> str:
        """The file of a kernel."""
        ...

    def param(self, path: str) -> str: ...

    def activation(self, name: str, text: Text) -> Text:
        """`silu` or `gelu`."""
        ...

    def weight(self, name: str, score: str) -> str:
        """The weight that a score gives without its neighbours (`sigmoid`, `relu2`)."""
        ...

    def zero_of(self, count: str, like: str) -> str:
        """The position 0 of so many documents."""
        ...

    def joins(self, which: str) -> str:
        """The function of two tensors that a running reduction repeats."""
        ...

    def lowest(self, which: str) -> str:
        """What a running reduction starts with."""
        ...

    def numbers(self, text: Text, like: str) -> Text:
        """Truth values or whole numbers as numbers of the type of `like`."""
        ...

    def whole(self, text: Text) -> str:
        """Numbers as whole numbers."""
        ...

    def arange(self, size: str, like: str) -> Text:
        """0, 1, ... of the type of `like`."""
        ...

    def number(self, text: str, like: str) -> Text:
        """A number as a tensor without dimensions."""
        ...

    def full(self, shape: str, value: str, like: str) -> Text:
        """A tensor of one number; `shape` is the text of a tuple."""
        ...

    def wider(self, like: str) -> str:
        """The type of `like`, float32 at least."""
        ...

    def bounded(self, text: Text, side: str, bound: str) -> Text:
        """At least (`min`) or at most (`max`) a number."""
        ...

    def permute(self, text: Text, order: Sequence[int]) -> Text: ...

    def flatten(self, text: Text, start: int, end: int = -1) -> Text: ...

    def unflatten(self, text: Text, dim: int, sizes: str) -> Text: ...

    def unsqueeze(self, text: Text, dim: int) -> Text: ...

    def expand(self, text: Text, sizes: Sequence[str]) -> Text:
        """`-1` keeps a dimension; further ones may come in front; `*x.shape[:2]` is an item."""
        ...

    def expand_as(self, text: Text, like: str) -> Text: ...

    def reduce(self, text: Text, op: str, dims: str) -> Text: ...

    def softmax(self, text: Text, dim: int) -> Text: ...

    def select(self, text: Text, dim: int, index: int) -> Text: ...

    def stack(self, parts: Sequence[str], dim: int, mixed: bool) -> Text:
        """`mixed`: the parts are broadcast against each other first."""
        ...

    def einsum(self, equation: str, parts: Sequence[str]) -> Text: ...

    def rows_of(self, table: Text, place: int, ids: str, rank: int) -> Text:
        """The entries of a table of `rank` dimensions at `ids` of its dimension `place`."""
        ...

    def dropout(self, text: Text, rate: float) -> Text: ...

    def anneal(self, ends: Sequence[str], length: int | None) -> Text: ...

    def draw(self, which: str, bounds: Sequence[Text], like: str) -> Text:
        """A draw for every entry of the parameter that is initialised."""
        ...


@dataclass(slots=True)
class TorchSpelling:
    """Methods of tensors, as torch has them."""

    name: str = "torch"
    helpers: set[str] = field(default_factory=set[str])
    documents: str = "cu_seqlens"
    counting: str = "torch.long"
    origin: str = "zeros(batch, dtype=torch.long)"
    tensor: str = "Tensor"
    infinity: str = "torch.inf"
    keeping: str = "keepdim"
    some: str = "next(self.parameters())"
    ordinal: str = "t.double()"
    apart: bool = False
    openings: bool = True
    norms: bool = True
    static: bool = False
    unbounded: str = "0"

    def kernel(self, folder: str, variant: str = "") -> str:
        return f"{folder}/{variant or 'torch'}.py"

    def param(self, path: str) -> str:
        return member(path)

    def activation(self, name: str, text: Text) -> Text:
        return Text(f"F.{'gelu' if name == 'gelu' else 'silu'}({text.text})")

    def weight(self, name: str, score: str) -> str:
        if name == "sigmoid":
            return f"torch.sigmoid({score})"
        return f"F.relu({score}).square()"

    def zero_of(self, count: str, like: str) -> str:
        return f"torch.zeros({count}, dtype=torch.long, device={like}.device)"

    def joins(self, which: str) -> str:
        return {"sum": "torch.add", "max": "torch.maximum", "logsumexp": "torch.logaddexp"}[which]

    def lowest(self, which: str) -> str:
        return "0" if which == "sum" else "-torch.inf"

    def numbers(self, text: Text, like: str) -> Text:
        return Text(f"{text.atom}.to({like}.dtype)")

    def whole(self, text: Text) -> str:
        return f"{text.atom}.long()"

    def arange(self, size: str, like: str) -> Text:
        return Text(f"torch.arange({size}, dtype={like}.dtype, device={like}.device)")

    def number(self, text: str, like: str) -> Text:
        return Text(f"{like}.new_tensor({text})")

    def full(self, shape: str, value: str, like: str) -> Text:
        if value == "0":
            return Text(f"{like}.new_zeros({shape[1:-1].rstrip(',')})")
        return Text(f"{like}.new_full({shape}, {value})")

    def wider(self, like: str) -> str:
        return f"torch.promote_types({like}.dtype, torch.float32)"

    def bounded(self, text: Text, side: str, bound: str) -> Text:
        return Text(f"{text.atom}.clamp({side}={bound})")

    def permute(self, text: Text, order: Sequence[int]) -> Text:
        return Text(f"{text.atom}.permute({', '.join(map(str, order))})")

    def flatten(self, text: Text, start: int, end: int = -1) -> Text:
        span = f"{start}" if end == -1 else f"{start}, {end}"
        return Text(f"{text.atom}.flatten({span})")

    def unflatten(self, text: Text, dim: int, sizes: str) -> Text:
        return Text(f"{text.atom}.unflatten({dim}, {sizes})")

    def unsqueeze(self, text: Text, dim: int) -> Text:
        return Text(f"{text.atom}.unsqueeze({dim})")

    def expand(self, text: Text, sizes: Sequence[str]) -> Text:
        return Text(f"{text.atom}.expand({', '.join(sizes)})")

    def expand_as(self, text: Text, like: str) -> Text:
        return Text(f"{text.atom}.expand_as({like})")

    def reduce(self, text: Text, op: str, dims: str) -> Text:
        return Text(f"{text.atom}.{op}({dims})")

    def softmax(self, text: Text, dim: int) -> Text:
        return Text(f"{text.atom}.softmax({dim})")

    def select(self, text: Text, dim: int, index: int) -> Text:
        if dim == -1:
            return Text(f"{text.atom}[..., {index}]")
        return Text(f"{text.atom}.select({dim}, {index})")

    def stack(self, parts: Sequence[str], dim: int, mixed: bool) -> Text:
        if mixed:
            return Text(f"torch.stack(torch.broadcast_tensors({', '.join(parts)}), {dim})")
        return Text(f"torch.stack({tuple_of(parts)}, {dim})")

    def einsum(self, equation: str, parts: Sequence[str]) -> Text:
        return Text(f'torch.einsum("{equation}", {", ".join(parts)})')

    def rows_of(self, table: Text, place: int, ids: str, rank: int) -> Text:
        if place:
            table = Text(f"{table.atom}.movedim({place}, 0)")
        if rank == 2:
            return Text(f"F.embedding({ids}, {table.text})")
        return Text(f"{table.atom}[{ids}]")

    def dropout(self, text: Text, rate: float) -> Text:
        return Text(f"F.dropout({text.text}, {rate}, self.training)")

    def anneal(self, ends: Sequence[str], length: int | None) -> Text:
        self.helpers.add("annealed")
        return Text(f"annealed(self, {', '.join(ends)}, {length})")

    def draw(self, which: str, bounds: Sequence[Text], like: str) -> Text:
        if which == "normal":
            return Text(f"torch.randn_like({like}) * {bounds[0].within(31)}", 30)
        low, high = (b.text for b in bounds)
        return Text(f"torch.empty_like({like}).uniform_({low}, {high})")


def tuple_of(items: Sequence[str]) -> str:
    """`(a, b)`, `(a,)`, `()`."""
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
