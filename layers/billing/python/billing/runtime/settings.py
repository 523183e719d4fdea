"""What a function is told by its environment, parsed once. The only place that reads `os.environ`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

_TABLE_SUFFIX = "_TABLE"
_STRIPE_PREFIX = "STRIPE_"


@dataclass(frozen=True, slots=True)
class Settings:
    """`tables` maps the logical names ("wallets") of the tables that the function may touch to the deployed ones.

    `stripe` holds the variables that begin with STRIPE_ (see `stripe_access`).
    """

    stage: str
    tables: Mapping[str, str]
    usage_queue_url: str | None
    delivery_queue_url: str = ""
    unreadable_changes_queue_url: str = ""
    event_bus_name: str = ""
    mail_from: str = ""
    stripe_queue_url: str = ""
    renewal_queue_url: str = ""
    return_url: str = ""
    billing_url: str = ""
    log_level: str = "INFO"
    stripe: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def local(self) -> bool:
        """Whether this is one machine, where addresses on loopback are as good as any."""
        return self.stage == "local"


def load(environ: Mapping[str, str]) -> Settings:
    tables = {
        name.removesuffix(_TABLE_SUFFIX).lower(): value
        for name, value in environ.items()
        if name.endswith(_TABLE_SUFFIX) and value
    }
    return Settings(
        # An environment that says nothing is not taken for a harmless one.
        stage=environ.get("STAGE", ""),
        tables=tables,
        usage_queue_url=environ.get("USAGE_QUEUE_URL"),
        delivery_queue_url=environ.get("DELIVERY_QUEUE_URL", ""),
        unreadable_changes_queue_url=environ.get("UNREADABLE_CHANGES_QUEUE_URL", ""),
        event_bus_name=environ.get("EVENT_BUS_NAME", ""),
        mail_from=environ.get("MAIL_FROM", ""),
        stripe_queue_url=environ.get("STRIPE_QUEUE_URL", ""),
        renewal_queue_url=environ.get("RENEWAL_QUEUE_URL", ""),
        return_url=environ.get("RETURN_URL", ""),
        billing_url=environ.get("BILLING_URL", ""),
        log_level=environ.get("LOG_LEVEL", "INFO"),
        stripe={name: value for name, value in environ.items() if name.startswith(_STRIPE_PREFIX)},
    )


def from_environment() -> Settings:
    return load(os.environ)
