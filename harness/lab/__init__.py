"""The embedded lab: a CloudStack-compatible cloud of our own in front of real or simulated KVM hosts."""
