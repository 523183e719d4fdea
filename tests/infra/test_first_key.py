"""The first API key of a deployment is made with AWS credentials, and opens the API."""

import os
import subprocess
import sys

import httpx

from infra.local.deploy import Outputs
from infra.local.emulator import REGION
from infra.paths import ROOT


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
        timeout=60,
        check=True,
    )
    key = made.stdout.strip()
    answer = httpx.get(f"{platform.api_url}/v1/plans", headers={"authorization": f"Bearer {key}"}, timeout=30)
    assert answer.status_code == 200
    refused = httpx.get(f"{platform.api_url}/v1/plans", headers={"authorization": f"Bearer {key}0"}, timeout=30)
    assert refused.status_code in {401, 403}
