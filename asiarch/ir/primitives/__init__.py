"""One file per primitive; `asiarch.ir.primitive.registry` discovers them."""
