"""The lab's management server: what it knows and decides."""
