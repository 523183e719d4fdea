"""`make run`: the product on this machine with its sample data, until Ctrl-C."""

import sys

from infra.local.client import Api
from infra.local.console_story import console_address
from infra.local.mail import MAIL_FOLDER, show_mail
from infra.local.platform import OUTPUTS_FILE, chosen_port, run_command, running_platform, write_outputs
from infra.local.story import tell_story
from infra.paths import ROOT


def main() -> int:
    with running_platform(chosen_port()) as outputs:
        write_outputs(outputs)
        differences = tell_story(Api(outputs.api_url, outputs.admin_key), outputs)
        print(
            f"\nTalktime is running. {OUTPUTS_FILE.relative_to(ROOT)} holds all addresses and the administrator's key."
        )
        print(f"  API   {outputs.api_url}/v1   described at {outputs.api_url}/openapi.json")
        print(f"  try   curl -H 'Authorization: Bearer {outputs.admin_key}' {outputs.api_url}/v1/accounts/acme/billing")
        print(f"  console {console_address(outputs, 'initech')}")
        print("          opens once, within five minutes; then ask again: POST /v1/accounts/initech/portal-sessions")
        print(f"  mail  {MAIL_FOLDER.relative_to(ROOT)}/   the e-mails to customers, listed here as they come")
        if differences:
            print("What differed from what it should be:", *differences, sep="\n  ")
        print("Ctrl-C stops it.", flush=True)
        show_mail(outputs)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
