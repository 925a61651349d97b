"""The search: what is proposed, measured, believed and kept.

From below to above: jobs, seeds, the store, executors and statistics; then the researcher, the
engineer and the analyst; then the loop and its report. Nothing here imports a tensor library:
what trains runs in a child process.
"""
