"""The hub: settings, login, servers, services and pages.

Nothing of the library is imported here. What the hub shows of it comes from a JSON listing (see
:mod:`imagine_hub.listing`), so that the hub can run in an environment of its own.
"""
