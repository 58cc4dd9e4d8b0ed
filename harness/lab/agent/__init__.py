"""The lab's KVM agent: makes of the management brain's orders the calls on libvirt that CloudStack's agent makes."""
