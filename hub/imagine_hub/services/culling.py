"""The culler of JupyterHub with a log that holds no secret: an error of it would name the token with which it was called."""

from __future__ import annotations

import logging
import os

from jupyterhub_idle_culler import IdleCuller

TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105


class Discreet(logging.Formatter):
    """Writes what others write, without a secret.

    Parameters
    ----------
    secret : str
        What is left out.
    """

    def __init__(self, secret: str) -> None:
        super().__init__("%(asctime)s culler %(levelname)s %(message)s")
        self.secret = secret

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback."""
        text = super().format(record)
        return text.replace(self.secret, "[secret]") if self.secret else text


def main() -> None:
    """Run the culler with the arguments of the command line."""
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet(os.environ.get(TOKEN_VARIABLE, "")))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    IdleCuller.launch_instance()


if __name__ == "__main__":
    main()
