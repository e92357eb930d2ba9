"""`python -m decision_making`, and the console script `decision-making`."""

import io
import sys

from decision_making.extras import install


def main() -> None:
    """Run the command line; without its extra, say how to install it."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # where it cannot write θ, as in a file on Windows, it writes ?
    try:
        from decision_making.cli import app
    except ModuleNotFoundError as error:
        sys.exit(f"decision-making: {error.name} is not installed: {install('cli', 'plot')}")
    except KeyboardInterrupt:  # nothing has begun
        sys.exit(130)
    app(prog_name="decision-making")


if __name__ == "__main__":
    main()
