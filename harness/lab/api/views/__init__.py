"""Records as the API shows them, one module per subject."""
