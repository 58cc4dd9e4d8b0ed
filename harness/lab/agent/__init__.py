"""The lab's KVM agent: turns commands into domain XML and libvirt calls."""
