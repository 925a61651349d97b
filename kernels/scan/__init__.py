"""Nonlinear states: a loop over tokens."""
