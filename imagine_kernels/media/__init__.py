"""Files become arrays here, with their scale."""
