"""Short causal convolutions."""
