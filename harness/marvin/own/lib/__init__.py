"""Entities and what goes with them."""
