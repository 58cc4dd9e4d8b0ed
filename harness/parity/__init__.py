"""Holds our own lab against a real CloudStack: one corpus of requests, asked of both, answer by answer."""
