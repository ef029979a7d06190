"""The verbs over HTTP: the module contract of DEEPaaS v2, and a service of our own that answers the same paths."""
