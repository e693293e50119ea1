"""`python -m napari_unlearn` is the command line, as is the script `napari-unlearn`."""

import signal
import sys


def main() -> None:
    """Run a command; Ctrl-C ends it with a sentence at any moment, its imports included."""
    try:
        from napari_unlearn.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; nothing is half-written.\n")
        sys.exit(130)  # as every program that Ctrl-C ends
    finally:
        # What is left is Python putting itself away, where Ctrl-C would be a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
