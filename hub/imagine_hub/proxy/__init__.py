"""The proxy in front of the hub and of the users' servers, in Python, so that no Node is needed.

The package ``configurable-http-proxy`` has the routing table and its interface to the hub. Its handler, however, collects
every request and every answer before it passes it on, gives up after 20 s, takes 10 MB per websocket message and 10 requests
at once, and does not look at the name in an address: an app's page would appear only when its last cell has run, progress
would come in one piece at the end, and a large file would fail. The handlers here pass bytes on as they come.
"""
