"""CloudStack's own test world: Marvin's configurations and Marvin's test modules, under pytest."""
