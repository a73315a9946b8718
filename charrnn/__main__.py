"""``charrnn`` and ``python -m charrnn``."""

import signal
import sys

from charrnn.launcher import announced_size
from charrnn.signals import Held


def main() -> None:
    """Run the command line, which from its first moment on can be interrupted without a traceback."""
    try:
        with Held():
            from charrnn.cli import main as run
        run()
    except KeyboardInterrupt:
        if (
            announced_size() > 1
        ):  # by the signal itself, which tells a launcher to end the other ranks
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        sys.exit(130)


if __name__ == "__main__":
    main()
