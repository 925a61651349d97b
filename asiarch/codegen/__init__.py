"""From typed functions to running modules: plan, writer, one file per backend."""
