"""companion: reproducible papers on what structured data and initialisation make networks learn."""
