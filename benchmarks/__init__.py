"""Side-by-side runs against named peers; results are committed as tables."""
