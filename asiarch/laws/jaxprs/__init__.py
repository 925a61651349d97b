"""Programs of jax, read as the jaxprs that jax compiles."""
