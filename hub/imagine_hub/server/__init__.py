"""The server of one user: Jupyter Server with JupyterLab and Voilà."""
