"""Structured data, made from seeds or read from disk."""
