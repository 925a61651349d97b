"""The jax backend: a self-contained text of functions over a dict of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

from asiarch.codegen.emitted import Emitted, described, imports
from asiarch.codegen.forward import Kernels
from asiarch.codegen.jax_helpers import HELPERS
from asiarch.codegen.jax_module import FunctionWriter
from asiarch.codegen.jax_spelling import JaxSpelling
from asiarch.codegen.plan import Plan, make_plan
from asiarch.codegen.writer import Names
from asiarch.ir.function import Function

WANTED = {
    "from collections.abc import Callable": r"\bCallable\[",
    "from functools import partial": r"\bpartial\(",
    "from typing import Any": r"\bAny\b",
    "import jax": r"\bjax\.",
    "import jax.numpy as jnp": r"\bjnp\.",
    "from jax import Array": r"\bArray\b",
    "from jax import lax": r"\blax\.",
}
RESERVED = {"apply", "init", "step", "initial_state", "Params", "Training", "Array", "jnp", "lax",
            "jax", "Any"}  # fmt: skip


@dataclass(slots=True)
class _Emitter:
    chunk: int | None
    kernels: Kernels = field(default_factory=Kernels)
    names: Names = field(default_factory=Names)
    known: dict[int, tuple[Function, str]] = field(
        default_factory=dict[int, "tuple[Function, str]"]
    )
    texts: list[str] = field(default_factory=list[str])
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    helpers: set[str] = field(default_factory=set[str])

    def name_of(self, function: Function) -> str:
        """The functions of a definition, written once, after those they use."""
        known = self.known.get(id(function))
        if known is not None:
            return known[1]
        wish = "block" if function.kind == "loop" else function.name
        name = self.names.fresh(wish) if self.known else ""
        self.known[id(function)] = (function, name)
        plan = make_plan(function, self.chunk)
        writer = FunctionWriter(plan, name, self.kernels, self.name_of, JaxSpelling())
        self.texts.append(writer.write())
        self.helpers |= writer.expr.helpers | self.kernels.helpers
        self.plans[name or "apply"] = plan
        return name


def emit(function: Function, chunk: int | None = None) -> Emitted:
    """The module text of a concrete function: `init`, `apply`, `step`, `initial_state`."""
    from asiarch import __version__

    load = import_module("asiarch.kernels.load")
    gather: Callable[..., tuple[list[str], str]] = load.gather

    emitter = _Emitter(chunk)
    emitter.names.taken |= RESERVED | set(load.classes())
    emitter.name_of(function)
    lines, kernels = gather(emitter.kernels.files) if emitter.kernels.files else ([], "")
    helpers = [HELPERS[h].rstrip() for h in HELPERS if h in emitter.helpers]
    parts = [kernels.strip()] if kernels.strip() else []
    body = "\n\n\n".join([*parts, *helpers, *(t.strip() for t in emitter.texts)])
    title = f"`{function.name}` as jax functions, by asiarch {__version__}."
    head = described(title, emitter.plans)
    types = "Params = dict[str, Array]"
    known = imports(lines, f"{types}\n{body}", WANTED, "jax")
    source = f"{head}\n\n{known}\n\n{types}\n\n\n{body}\n"
    return Emitted(source, "apply", emitter.plans)
