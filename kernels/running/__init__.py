"""Running sums and maxima over the tokens so far, and positions."""
