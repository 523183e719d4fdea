"""Puts a function's parts together: settings, clients, store. Called once, when a Lambda's process starts."""

from billing.runtime import aws
from billing.runtime.backoff import pause
from billing.runtime.settings import Settings
from billing.store.database import Database


def database(settings: Settings) -> Database:
    return Database(aws.dynamodb(), settings.tables, pause)
