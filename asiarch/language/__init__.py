"""The front end: text to syntax tree, and diagnostics back to text. Knows no tensor library."""
