"""What differs between deployments, and nothing else: constructs take a `Stage` and never ask for its name."""

import re
from dataclasses import dataclass
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from billing.domain.errors import InvalidValue
from billing.domain.web_address import check_web_address
from infra.layers import AWS, THIS_MACHINE, Target

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)

LogLevel = Literal["DEBUG", "INFO", "WARN", "ERROR"]
"""As Lambda and Python both call them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One deployment's settings. Windows are in seconds, batch sizes in messages."""

    name: str
    on_aws: bool  # data is protected and kept, TLS enforced, and the rules of AwsSolutions checked
    removal_policy: RemovalPolicy
    layers_for: Target
    settlement_batch_size: int
    settlement_window_seconds: int
    send_actions: tuple[str, ...]  # what a role needs to send messages, also in batches
    return_url: str  # where Stripe's pages send customers back to
    billing_url: str  # where customers see their bills and pay, a page of the platform: mails link to it
    mail_from: str  # who writes to customers: an address that SES may send from
    log_level: LogLevel
    log_retention: logs.RetentionDays

    def __post_init__(self) -> None:
        """Raises InvalidValue for a name that Stripe would not take, and for what is no web address."""
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("must be 1 to 32 small letters, digits and -, and begin with a letter", field="name")
        check_web_address(self.return_url, "return_url")
        check_web_address(self.billing_url, "billing_url")


PRODUCTION = Stage(
    name="production",
    on_aws=True,
    removal_policy=RemovalPolicy.RETAIN,
    layers_for=AWS,
    settlement_batch_size=1000,
    settlement_window_seconds=2,
    send_actions=("sqs:SendMessage",),
    return_url="https://talktime.example/billing",
    billing_url="https://talktime.example/billing",
    mail_from="Talktime <billing@talktime.example>",
    log_level="INFO",
    log_retention=logs.RetentionDays.ONE_YEAR,
)

DEV = Stage(
    name="dev",
    on_aws=True,
    removal_policy=RemovalPolicy.RETAIN,
    layers_for=AWS,
    settlement_batch_size=1000,
    settlement_window_seconds=1,
    send_actions=("sqs:SendMessage",),
    return_url="https://talktime.example/billing",
    billing_url="https://talktime.example/billing",
    mail_from="Talktime <billing@talktime.example>",
    log_level="DEBUG",
    log_retention=logs.RetentionDays.ONE_MONTH,
)

LOCAL = Stage(
    name="local",
    on_aws=False,  # the emulator speaks plain HTTP on loopback, and keeps nothing
    removal_policy=RemovalPolicy.DESTROY,
    layers_for=THIS_MACHINE,
    settlement_batch_size=10,  # the emulator delivers no larger batches
    settlement_window_seconds=0,
    send_actions=("sqs:SendMessage", "sqs:SendMessageBatch"),  # IAM has no such action, but the emulator asks for it
    return_url="https://talktime.example/billing",
    billing_url="https://talktime.example/billing",
    mail_from="Talktime <billing@talktime.example>",
    log_level="INFO",
    log_retention=logs.RetentionDays.ONE_DAY,
)

STAGES = {stage.name: stage for stage in (PRODUCTION, DEV, LOCAL)}
