"""Real KVM hosts in namespaces of this machine."""
