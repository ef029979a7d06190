"""Model bundles: what is on disk, how it is found, and the network inside."""
