"""`python -m vgic` is the `vgic` command."""

import os
import sys
from contextlib import suppress

INTERRUPTED = 130

if __name__ == "__main__":
    try:
        # Here, for an interrupt may come while it is imported.
        from vgic.cli import main

        status = main()
    except KeyboardInterrupt:
        print("vgic: interrupted", file=sys.stderr)
        status = INTERRUPTED
    if status == INTERRUPTED:
        # Where it came in the middle of an `exec`, sys.exit() would raise the signal again, and have no status.
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
