"""`.venv`, as `make` asks for it: run by any Python 3.11 or later, with the standard library alone."""

import subprocess
import sys
import venv

from infra.building import CommandError
from infra.packages import ENVIRONMENT, REQUIREMENTS, install_packages, make_uv_available
from infra.progress import step


def install() -> None:
    """Make the environment where it is missing, and install what is pinned. Raises CommandError."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        with step(f"Making .venv with Python {sys.version.split()[0]}"):
            venv.create(ENVIRONMENT, with_pip=True)
            make_uv_available()
    with step("Installing the development environment"):
        install_packages(python, REQUIREMENTS)


if __name__ == "__main__":
    try:
        install()
    except (CommandError, subprocess.SubprocessError, OSError) as error:
        sys.exit(f"The development environment could not be installed: {error}")
