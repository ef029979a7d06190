"""How a database of an earlier version becomes one of today, step by step."""
