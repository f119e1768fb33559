"""What the papers say, how it is judged, and the verdict."""
