"""The science: counts, sizes and volumes with their errors. Pure numpy on records."""
