"""Data for tests."""
