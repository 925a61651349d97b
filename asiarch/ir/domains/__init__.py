"""Meanings (float64, ring, taint, counts, dual) and analyses (grade, range, cost, affine): one
each.
"""
