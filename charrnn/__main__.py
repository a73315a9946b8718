"""``charrnn`` and ``python -m charrnn``."""

import sys

from charrnn.signals import Held


def main() -> None:
    """Run the command line, which from its first moment on can be interrupted without a traceback."""
    try:
        with Held():
            from charrnn.cli import main as run
        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
