"""Networks and random-features models."""
