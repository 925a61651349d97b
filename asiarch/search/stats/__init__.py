"""The statistics of discovery: pure functions on arrays, without a store or a training run.

A larger effect is better everywhere: an effect is the baseline's loss less the candidate's on the
same seed. `docs/search/statistics.md` derives what is here and says what is assumed.
"""
