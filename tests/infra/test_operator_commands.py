"""The first API key of a deployment is made with AWS credentials, and opens the API."""

import os
import subprocess
import sys

import httpx

from infra.local.deploy import Outputs
from infra.local.emulator import REGION
from infra.paths import ROOT
from tests.patience import WITHIN_SECONDS


def test_whoever_deployed_can_make_a_key_that_opens_the_api(platform: Outputs) -> None:
    credentials = {
        "AWS_ENDPOINT_URL": platform.aws_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": platform.account,
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    made = subprocess.run(
        [sys.executable, "-m", "infra.first_key", "--stage", "local"],
        cwd=ROOT,
        env={**os.environ, **credentials},
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=True,
    )
    key = made.stdout.strip()
    answer = httpx.get(
        f"{platform.api_url}/v1/plans", headers={"authorization": f"Bearer {key}"}, timeout=WITHIN_SECONDS
    )
    assert answer.status_code == 200
    refused = httpx.get(
        f"{platform.api_url}/v1/plans", headers={"authorization": f"Bearer {key}0"}, timeout=WITHIN_SECONDS
    )
    assert refused.status_code in {401, 403}
