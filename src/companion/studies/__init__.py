"""The stored experiments that notebooks call, one module per family."""
