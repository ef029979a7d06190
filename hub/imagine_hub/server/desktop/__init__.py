"""A desktop in the browser: napari on a display in memory, drawn by the processor, seen and used through a page of this server."""
