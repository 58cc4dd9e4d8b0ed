"""Faults of the environment that a lab can be made to have: transient, seeded, counted."""
