"""A stateful Stripe on loopback, strict against Stripe's own OpenAPI description. See README.md."""

from infra.local.stripe_simulator.server import RunningSimulator, running_simulator

__all__ = ["RunningSimulator", "running_simulator"]
