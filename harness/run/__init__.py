"""What belongs to one run: its configuration, record and clean-up."""
