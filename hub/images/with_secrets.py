#!/opt/imagine/bin/python
"""Run a command with the secrets of the container in its environment: a file ``/run/secrets/NAME`` becomes the variable ``NAME``.

So no secret stands in a compose file, nor in what ``docker inspect`` shows.
"""

import os
import re
import sys
from pathlib import Path

FOLDER = Path("/run/secrets")
NAME = re.compile(r"(IMAGINE|CONFIGPROXY|JUPYTERHUB)_[A-Z_]+")


def main(command: list[str]) -> None:
    """Read the secrets, then become the command."""
    if FOLDER.is_dir():
        for file in sorted(FOLDER.iterdir()):
            if NAME.fullmatch(file.name):
                os.environ[file.name] = file.read_text(encoding="utf-8").strip()
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
