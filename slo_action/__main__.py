"""Where a laptop starts: `python -m slo_action verify --service … --url …`."""

import os
import sys

from slo_action.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
