"""What several commands share: files, sizes, definitions by name, and how things are printed."""
