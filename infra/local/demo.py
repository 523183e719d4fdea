"""`make demo`: the product on this machine, its sample calls, and an exit code that says whether all was right."""

import sys

from infra.local.client import Api
from infra.local.platform import chosen_port, run_command, running_platform, write_outputs
from infra.local.story import tell_story


def main() -> int:
    with running_platform(chosen_port()) as outputs:
        write_outputs(outputs)
        differences = tell_story(Api(outputs.api_url, outputs.admin_key), outputs)
    if differences:
        print(f"\n{len(differences)} of the above differed from what it should be:", *differences, sep="\n  ")
        return 1
    print("\nEverything was as it should be.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
