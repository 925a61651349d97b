"""The torch backend: a self-contained module text, and the module that it defines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

from asiarch.codegen.emitted import Emitted, described, imports
from asiarch.codegen.forward import Kernels
from asiarch.codegen.fused import HELPERS
from asiarch.codegen.plan import Plan, make_plan
from asiarch.codegen.spelling import TorchSpelling
from asiarch.codegen.torch_module import ModuleWriter
from asiarch.codegen.writer import Names, class_name
from asiarch.ir.function import Function

WANTED = {
    "from typing import Any": r"\bAny\b",
    "from functools import partial": r"\bpartial\(",
    "import torch": r"\btorch\.",
    "import torch.nn.functional as F": r"\bF\.",
    "from torch import Tensor": r"\bTensor\b",
    "from torch import nn": r"\bnn\.",
}


@dataclass(slots=True)
class _Emitter:
    chunk: int | None
    bare: bool
    kernels: Kernels = field(default_factory=Kernels)
    names: Names = field(default_factory=Names)
    classes: dict[int, tuple[Function, str]] = field(
        default_factory=dict[int, "tuple[Function, str]"]
    )
    texts: list[str] = field(default_factory=list[str])
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    helpers: set[str] = field(default_factory=set[str])

    def class_of(self, function: Function) -> str:
        """The class of a function, written once, after the classes it uses."""
        known = self.classes.get(id(function))
        if known is not None:
            return known[1]
        wish = "Block" if function.kind == "loop" else class_name(function.name)
        name = self.names.fresh(wish)
        self.classes[id(function)] = (function, name)
        plan = make_plan(function, self.chunk, loops=self.bare)
        writer = ModuleWriter(plan, name, self.kernels, self.class_of, TorchSpelling(), self.bare)
        text = writer.write()
        self.helpers |= writer.expr.helpers | self.kernels.helpers
        self.texts.append(text)
        self.plans[name] = plan
        return name


def emit(function: Function, chunk: int | None = None, *, bare: bool = False) -> Emitted:
    """The module text of a concrete function."""
    from asiarch import __version__

    load = import_module("asiarch.kernels.load")
    gather: Callable[..., tuple[list[str], str]] = load.gather

    emitter = _Emitter(chunk, bare)
    emitter.names.taken |= {"Any", "F", "Group", "Tensor", *load.classes()}
    entry = emitter.class_of(function)
    lines, kernels = gather(emitter.kernels.files) if emitter.kernels.files else ([], "")
    helpers = [HELPERS[h].rstrip() for h in HELPERS if h in emitter.helpers]
    title = f"`{function.name}` as a torch module, by asiarch {__version__}."
    title = f"{title[:-1]}: the forward pass alone." if bare else title
    head = described(title, {} if bare else emitter.plans)
    body = "\n\n\n".join([*([kernels.strip()] if kernels.strip() else []), *helpers,
                          *(t.strip() for t in emitter.texts)])  # fmt: skip
    known = imports(lines, body, WANTED, "torch")
    source = f"{head}\n\n{known}\n\n\n{body}\n"
    return Emitted(source, entry, emitter.plans)
