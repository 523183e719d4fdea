"""What a function is told by its environment, parsed once. The only place that reads `os.environ`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

_TABLE_SUFFIX = "_TABLE"


@dataclass(frozen=True, slots=True)
class Settings:
    """`tables` maps the logical names ("wallets") of the tables that the function may touch to the deployed ones."""

    stage: str
    tables: Mapping[str, str]
    usage_queue_url: str | None


def load(environ: Mapping[str, str]) -> Settings:
    tables = {
        name.removesuffix(_TABLE_SUFFIX).lower(): value
        for name, value in environ.items()
        if name.endswith(_TABLE_SUFFIX) and value
    }
    return Settings(stage=environ.get("STAGE", "local"), tables=tables, usage_queue_url=environ.get("USAGE_QUEUE_URL"))


def from_environment() -> Settings:
    return load(os.environ)
