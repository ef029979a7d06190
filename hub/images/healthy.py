#!/opt/imagine/bin/python
"""Whether what runs in this container answers: ``imagine-healthy [ADDRESS]``, exit code 0 or 1.

Without an address it asks the server of a user, at the address that the hub has given it.
"""

import os
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit


def address() -> str:
    """Of the one thing that a server tells everybody: its version."""
    given = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:8888/"))
    return f"http://127.0.0.1:{given.port}{given.path.rstrip('/')}/api"


class Stay(urllib.request.HTTPRedirectHandler):
    """An answer that sends people elsewhere is an answer."""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere."""


def main() -> int:
    """Ask once."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    try:
        with opener.open(sys.argv[1] if len(sys.argv) > 1 else address(), timeout=4) as answer:
            return 0 if answer.status < 500 else 1
    except urllib.error.HTTPError as error:
        # It answers, if only that it does not know us.
        return 0 if error.code < 500 else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
