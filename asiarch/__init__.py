"""asiarch: a typed attention-operator language, its proofs, and the modules it compiles to."""

__version__ = "0.1.0"
