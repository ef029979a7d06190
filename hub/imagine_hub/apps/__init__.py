"""The apps for people without a server of their own: a service of the hub that keeps preheated kernels and shows the installed apps.

It is a small web server and no Jupyter Server: there is nothing to lock down, because what a person must not do has no address here.
No contents, no terminals, no kernels to create, and of the messages of a kernel only those of widgets.
"""
