"""The whole product on this machine: emulator, Stripe, the real stacks deployed into it, and an administrator's key."""

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

from infra.building import CommandError
from infra.first_key import create_first_key
from infra.local.deploy import DeploymentError, Outputs, deploy, session
from infra.local.emulator import EmulatorError, PortBusyError, require_free, running_emulator
from infra.local.stripe import LiveKeyError, running_stripe
from infra.local.synthesis import NodeMissingError, synthesise
from infra.paths import LOCAL
from infra.progress import step

OUTPUTS_FILE = LOCAL / "outputs.json"

_DEFAULT_PORT = "4580"
_PORTS = 2**16


def chosen_port() -> int:
    """The port of TALKTIME_PORT, or the default one. Exits with a message where the variable is not a port."""
    chosen = os.environ.get("TALKTIME_PORT", _DEFAULT_PORT)
    if not chosen.isdecimal() or not 0 < int(chosen) < _PORTS:
        sys.exit(f"TALKTIME_PORT is a port, not {chosen!r}.")
    return int(chosen)


@contextmanager
def running_platform(port: int, *, enforce_iam: bool = False) -> Iterator[Outputs]:
    """A deployed Talktime until the block ends, empty but for an administrator's key.

    Raises what `run_command` knows to report; leaves nothing running in any case.
    """
    require_free(port)  # before anything long begins
    with ThreadPoolExecutor(max_workers=1) as pool, running_stripe() as stripe:
        synthesised = pool.submit(synthesise)
        with running_emulator(port, enforce_iam=enforce_iam, environment=stripe.environment) as emulator:
            assembly = synthesised.result()
            with step("Deploying into the emulator"):
                outputs = deploy(assembly, emulator.url, emulator.shared)
            stripe.send_webhooks_to(f"{outputs.api_url}/webhooks/stripe")
            client = session().client("dynamodb", endpoint_url=outputs.aws_url)
            admin_key = create_first_key(client, outputs.tables, datetime.now(UTC))
            yield dataclasses.replace(outputs, admin_key=admin_key, stripe_url=stripe.url)


def write_outputs(outputs: Outputs) -> None:
    """Lets any script drive the running platform: `.local/outputs.json`."""
    OUTPUTS_FILE.write_text(json.dumps(dataclasses.asdict(outputs), indent=2) + "\n")
    OUTPUTS_FILE.chmod(0o600)  # it holds a key


def run_command(main: Callable[[], int]) -> int:
    """The exit code of `main`: its own; 2 where the port is busy, 1 where it cannot start, 0 once stopped by hand."""
    # Also where a script started it in the background, which leaves it deaf to Ctrl-C otherwise.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _interrupt)
    try:
        return main()
    except PortBusyError as error:
        print(error, file=sys.stderr)
        return 2
    except (CommandError, DeploymentError, EmulatorError, LiveKeyError, NodeMissingError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
