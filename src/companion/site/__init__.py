"""The static gallery."""
