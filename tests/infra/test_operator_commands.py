"""What an operator does with AWS credentials: the first API key, and indexes that hold what was stored before them."""

import os
import subprocess
import sys

import httpx

from infra.local.deploy import Outputs
from infra.local.emulator import REGION
from infra.paths import ROOT
from tests.patience import WITHIN_SECONDS


def run(platform: Outputs, command: str) -> str:
    """What an operator's command says of the deployment."""
    credentials = {
        "AWS_ENDPOINT_URL": platform.aws_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": platform.account,
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    ran = subprocess.run(
        [sys.executable, "-m", command, "--stage", "local"],
        cwd=ROOT,
        env={**os.environ, **credentials},
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=True,
    )
    return ran.stdout.strip()


def test_whoever_deployed_can_make_a_key_that_opens_the_api(platform: Outputs) -> None:
    key = run(platform, "infra.first_key")
    answer = httpx.get(
        f"{platform.api_url}/v1/plans", headers={"authorization": f"Bearer {key}"}, timeout=WITHIN_SECONDS
    )
    assert answer.status_code == 200
    refused = httpx.get(
        f"{platform.api_url}/v1/plans", headers={"authorization": f"Bearer {key}0"}, timeout=WITHIN_SECONDS
    )
    assert refused.status_code in {401, 403}


def test_whoever_upgraded_can_list_what_was_stored_before(platform: Outputs) -> None:
    said = run(platform, "infra.fill_indexes")
    assert said.endswith("0 stale places removed, 0 wallets and 0 API keys listed"), said
