"""Exchange formats: pure functions that read records from files and write them."""
