"""`python -m vgic` is the `vgic` command."""

import sys

from vgic.cli import main

if __name__ == "__main__":
    sys.exit(main())
