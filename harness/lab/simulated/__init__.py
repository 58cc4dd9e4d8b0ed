"""Simulated KVM hosts: domains in memory, read over a real SSH server."""
