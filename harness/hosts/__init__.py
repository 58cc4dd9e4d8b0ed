"""Looks into KVM hosts."""
