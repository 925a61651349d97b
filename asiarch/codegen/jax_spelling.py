"""How jax writes the steps that expressions are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asiarch.codegen.spelling import Text, tuple_of


@dataclass(slots=True)
class JaxSpelling:
    """Functions of `jax.numpy`; parameters stand in a dict by path."""

    name: str = "jax"
    helpers: set[str] = field(default_factory=set[str])
    documents: str = "segment_ids"
    counting: str = "jnp.int32"
    origin: str = "jnp.zeros(batch, jnp.int32)"
    tensor: str = "Array"
    infinity: str = "jnp.inf"
    keeping: str = "keepdims"
    some: str = "next(iter(params.values()))"
    ordinal: str = "t.astype(float)"
    apart: bool = True
    openings: bool = False
    norms: bool = False
    static: bool = True
    unbounded: str = "length or 0"

    def kernel(self, folder: str, variant: str = "") -> str:
        return f"{folder}/jax{f'_{variant}' if variant else ''}.py"

    def param(self, path: str) -> str:
        return f'params["{path}"]'

    def activation(self, name: str, text: Text) -> Text:
        if name == "gelu":
            return Text(f"jax.nn.gelu({text.text}, approximate=False)")
        return Text(f"jax.nn.silu({text.text})")

    def weight(self, name: str, score: str) -> str:
        if name == "sigmoid":
            return f"jax.nn.sigmoid({score})"
        return f"jnp.square(jax.nn.relu({score}))"

    def zero_of(self, count: str, like: str) -> str:
        return f"jnp.zeros({count}, jnp.int32)"

    def joins(self, which: str) -> str:
        return {"sum": "jnp.add", "max": "jnp.maximum", "logsumexp": "jnp.logaddexp"}[which]

    def lowest(self, which: str) -> str:
        return "0" if which == "sum" else "-jnp.inf"

    def numbers(self, text: Text, like: str) -> Text:
        return Text(f"{text.atom}.astype({like}.dtype)")

    def whole(self, text: Text) -> str:
        return f"{text.atom}.astype(jnp.int32)"

    def arange(self, size: str, like: str) -> Text:
        return Text(f"jnp.arange({size}, dtype={like}.dtype)")

    def number(self, text: str, like: str) -> Text:
        return Text(f"jnp.asarray({text}, {like}.dtype)")

    def full(self, shape: str, value: str, like: str) -> Text:
        if value == "0":
            return Text(f"jnp.zeros({shape}, {like}.dtype)")
        return Text(f"jnp.full({shape}, {value}, {like}.dtype)")

    def wider(self, like: str) -> str:
        return f"jnp.promote_types({like}.dtype, jnp.float32)"

    def bounded(self, text: Text, side: str, bound: str) -> Text:
        join = "maximum" if side == "min" else "minimum"
        return Text(f"jnp.{join}({text.text}, {bound})")

    def permute(self, text: Text, order: Sequence[int]) -> Text:
        return Text(f"{text.atom}.transpose({', '.join(map(str, order))})")

    def flatten(self, text: Text, start: int, end: int = -1) -> Text:
        self.helpers.add("flatten")
        span = f"{start}" if end == -1 else f"{start}, {end}"
        return Text(f"flatten({text.text}, {span})")

    def unflatten(self, text: Text, dim: int, sizes: str) -> Text:
        self.helpers.add("unflatten")
        return Text(f"unflatten({text.text}, {dim}, {sizes})")

    def unsqueeze(self, text: Text, dim: int) -> Text:
        return Text(f"jnp.expand_dims({text.text}, {dim})")

    def expand(self, text: Text, sizes: Sequence[str]) -> Text:
        self.helpers.add("expand")
        return Text(f"expand({text.text}, {', '.join(sizes)})")

    def expand_as(self, text: Text, like: str) -> Text:
        return Text(f"jnp.broadcast_to({text.text}, {like}.shape)")

    def reduce(self, text: Text, op: str, dims: str) -> Text:
        return Text(f"{text.atom}.{op.removeprefix('a')}({dims})")

    def softmax(self, text: Text, dim: int) -> Text:
        return Text(f"jax.nn.softmax({text.text}, {dim})")

    def select(self, text: Text, dim: int, index: int) -> Text:
        behind = ", :" * (-dim - 1)
        return Text(f"{text.atom}[..., {index}{behind}]")

    def stack(self, parts: Sequence[str], dim: int, mixed: bool) -> Text:
        if mixed:
            return Text(f"jnp.stack(jnp.broadcast_arrays({', '.join(parts)}), {dim})")
        return Text(f"jnp.stack({tuple_of(parts)}, {dim})")

    def einsum(self, equation: str, parts: Sequence[str]) -> Text:
        return Text(f'jnp.einsum("{equation}", {", ".join(parts)})')

    def rows_of(self, table: Text, place: int, ids: str, rank: int) -> Text:
        if place:
            return Text(f"jnp.moveaxis({table.text}, {place}, 0)[{ids}]")
        return Text(f"{table.atom}[{ids}]")

    def dropout(self, text: Text, rate: float) -> Text:
        self.helpers |= {"Training", "dropout"}
        return Text(f"dropout({text.text}, {rate}, training)")

    def anneal(self, ends: Sequence[str], length: int | None) -> Text:
        self.helpers |= {"Training", "annealed"}
        return Text(f"annealed({', '.join(ends)}, {length}, training)")

    def draw(self, which: str, bounds: Sequence[Text], like: str) -> Text:
        """`like`: the text of a shape."""
        if which == "normal":
            draw = f"jax.random.normal(next(keys), {like}, dtype)"
            return Text(f"{bounds[0].within(30)} * {draw}", 30)
        low, high = (b.text for b in bounds)
        return Text(f"jax.random.uniform(next(keys), {like}, dtype, {low}, {high})")
