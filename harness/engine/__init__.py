"""Spreads parts of a work over processes and machines, by an engine that exists: Dask distributed."""
