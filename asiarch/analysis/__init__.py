"""What is proved of a program, by what, and the report that says so. Executes nothing for a
verdict.
"""
