"""Class kernels: one folder per recurrence class and for attend, conv, delay. Imports nothing of
asiarch.

The text of these files is what an emitted module contains; they import torch only.
"""
