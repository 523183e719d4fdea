"""One set-up of logs for all functions: the stage's log level is that of our own loggers, and of no others.

At DEBUG botocore, urllib3 and Stripe's SDK write whole requests, with bodies and keys: theirs stay at INFO or above.
"""

import logging

_PACKAGE = "billing"


def logger(function: str, level: str) -> logging.Logger:
    """The log of a function, by its name. Sets the level for it and for all of the package; called once, at the start.

    Raises ValueError for a level that logging does not know.
    """
    log = logging.getLogger(function)
    for ours in (log, logging.getLogger(_PACKAGE)):
        ours.setLevel(level)
    logging.getLogger().setLevel(max(log.level, logging.INFO))
    return log
