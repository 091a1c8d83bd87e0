"""Where a laptop starts: `python -m slo_action verify --service … --url …`."""

import os
import sys

from slo_action.cli import main
from slo_action.system.signals import end_process

if __name__ == "__main__":
    end_process(main(sys.argv[1:], dict(os.environ)))
