"""Where the container starts: the one room that reads the environment and exits."""

import os
from pathlib import Path

from slo_action.app import main
from slo_action.system.signals import end_process

if __name__ == "__main__":
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        # A path of the host that leaked in here would fail every TLS library.
        if not Path(os.environ.get(name, "/")).exists():
            del os.environ[name]
    end_process(main(dict(os.environ)))
