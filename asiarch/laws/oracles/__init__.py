"""Independent oracles: our definitions beside what others wrote for the same operators."""
