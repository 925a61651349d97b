"""What kind of value a node is: a Tensor, a stream (Seq) or a stream of tokens, over named axes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Type:
    """`mode` is "tensor" (does not change with the token), "seq" or "token".

    open: has no last axis (a true outer product). positional: made of `t`, `j` and numbers only.
    boolean: a truth value. vocab (tokens only): the axis that it indexes.
    """

    mode: str
    axes: tuple[str, ...] = ()
    open: bool = False
    positional: bool = False
    boolean: bool = False
    vocab: str | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.mode, self.axes, self.open, self.positional)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def stream(self) -> bool:
        return self.mode != "tensor"

    @property
    def last(self) -> str | None:
        return None if self.open or not self.axes else self.axes[-1]

    def with_axes(self, axes: tuple[str, ...], *, open: bool = False) -> Type:
        return replace(self, axes=axes, open=open)

    def __str__(self) -> str:
        if self.mode == "token":
            return "Token"
        return f"{self.mode.capitalize()}[{', '.join(self.axes)}]"


TENSOR = Type("tensor")
SEQ = Type("seq")


def join_mode(*types: Type) -> str:
    return "seq" if any(t.stream for t in types) else "tensor"
