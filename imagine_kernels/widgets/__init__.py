"""Parts of the apps that run in the browser, and what serves them in the kernel. They know records, and no use case."""
