"""E-mail through SES."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing.domain.delivery import Answer
from billing.words.write_email import Email

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_MAX_ERROR_CHARACTERS = 200

log = logging.getLogger(__name__)


def sender(client: "SESV2Client", mail_from: str) -> Callable[[Email], Answer]:
    """Sends from an identity that SES has verified. What SES refuses is tried again: the operator can repair it."""

    def send(mail: Email) -> Answer:
        try:
            client.send_email(
                FromEmailAddress=mail_from,
                Destination={"ToAddresses": list(mail.to)},
                Content={
                    "Simple": {
                        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": mail.text, "Charset": "UTF-8"},
                            "Html": {"Data": mail.html, "Charset": "UTF-8"},
                        },
                    }
                },
            )
        except (ClientError, BotoCoreError) as error:
            log.warning("SES did not take a mail", exc_info=True)
            return Answer(error=str(error)[:_MAX_ERROR_CHARACTERS])
        return Answer()

    return send
