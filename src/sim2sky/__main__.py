"""Where the `sim2sky` command begins: nothing is imported that a preloaded process has."""

import sys

from sim2sky.preload import ask


def main() -> None:
    """Have the command done by a preloaded process if there is one, else do it here."""
    status = ask(sys.argv[1:])
    if status is None:
        from sim2sky.cli import main as run

        run()
    sys.exit(status)


if __name__ == "__main__":
    main()
