"""The apps: widgets put together on the verbs of a use case. They decide nothing that the verbs could."""
