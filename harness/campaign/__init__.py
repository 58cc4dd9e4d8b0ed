"""Runs the matrix over many environments, and brings what came of them into one results.json."""
