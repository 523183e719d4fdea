"""`python -m infra.local.stripe_simulator --port 0`: serve a simulator and print its URL as one line of JSON."""

import argparse

from infra.local.stripe_simulator.server import WEBHOOK_SECRET, serve_forever


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.local.stripe_simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-secret", default=WEBHOOK_SECRET)
    arguments = parser.parse_args()
    serve_forever(arguments.port, arguments.webhook_url, arguments.webhook_secret)


if __name__ == "__main__":
    main()
