"""Turns a run's result file into what people read."""
