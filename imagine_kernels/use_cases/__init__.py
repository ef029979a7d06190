"""One module per use case; the module name is the name of the use case."""
