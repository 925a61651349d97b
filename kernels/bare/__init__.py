"""The forward pass alone, in the fewest lines: for reading, not for speed."""
