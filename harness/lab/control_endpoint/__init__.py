"""The lab from behind, over HTTP on loopback: its state, its faults, and a page that shows them."""
