"""Content-addressed results: whole or absent, never recomputed while nothing changed."""
