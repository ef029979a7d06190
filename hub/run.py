"""What ``make run`` starts once everything is installed: ``python hub/run.py [--port N] [--state DIR] [--settings FILE]``."""

import sys

from imagine_hub.launch import main

if __name__ == "__main__":
    sys.exit(main())
