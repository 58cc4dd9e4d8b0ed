"""The lab's management brain: what a CloudStack management server knows and decides."""
