"""Several factors of one token, in the order in which they act."""
