"""`python -m vgic` is the `vgic` command."""

import sys

if __name__ == "__main__":
    try:
        # Here, for an interrupt may come while it is imported.
        from vgic.cli import main

        status = main()
    except KeyboardInterrupt:
        print("vgic: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)
