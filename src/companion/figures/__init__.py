"""One style, one module per family: datasets in, Figure out."""
