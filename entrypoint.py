"""Where the container starts: the one room that reads the environment and exits."""

import os
import sys

from slo_action.app import main

if __name__ == "__main__":
    sys.exit(main(dict(os.environ)))
