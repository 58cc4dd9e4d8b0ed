"""Holds what was observed against what was predicted."""
