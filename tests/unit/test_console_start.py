"""How the console starts: pages that only show bring neither Stripe's SDK nor what the API needs."""

import subprocess
import sys

_HEAVY = ("stripe", "pydantic", "aws_lambda_powertools", "boto3", "typst")
_PROGRAM = f"import sys, billing.console.app; print([each for each in {_HEAVY!r} if each in sys.modules])"


def test_a_page_that_only_shows_starts_without_what_charges_and_checks() -> None:
    started = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert started.stdout.strip() == "[]"
