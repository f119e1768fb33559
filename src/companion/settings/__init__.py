"""Parameters cells as schemas, profile files, and every error at once."""
