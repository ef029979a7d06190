"""The care of a hub: looked at before it starts, kept in a backup, tried while it runs."""
