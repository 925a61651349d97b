"""The grammar, its built tables, and examples of right and wrong programs."""
