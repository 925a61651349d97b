"""The waist: types, nodes, functions, primitives, and one interpreter over many domains."""
