"""CloudStack's own management server and KVM agents inside the lab's hosts, from a source tree that its owner built."""
