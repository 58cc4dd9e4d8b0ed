"""The lab's CloudStack API: the wire and its commands."""
