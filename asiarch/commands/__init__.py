"""The commands, one file each: `SUMMARY`, `configure(parser)` and `run(arguments) -> exit status`.

A new file is a new command. None loads a tensor library before it runs.
"""
