"""The matrix: one module for each section of the pull request's test matrix."""
