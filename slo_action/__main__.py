"""Where a laptop starts: `python -m slo_action verify --service … --url …`."""

import os
import sys

from slo_action.cli import main
from slo_action.system.signals import leave

if __name__ == "__main__":
    leave(main(sys.argv[1:], dict(os.environ)))
