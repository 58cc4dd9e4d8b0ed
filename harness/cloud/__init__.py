"""Speaks the CloudStack API."""
