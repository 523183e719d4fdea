"""The mails that SES took on this machine, as files that any mail program opens."""

import json
import shutil
import time
import urllib.request
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import Any

from infra.local.deploy import Outputs
from infra.paths import LOCAL, ROOT

MAIL_FOLDER = LOCAL / "mail"
_TIMEOUT_SECONDS = 120
_LOOK_EVERY_SECONDS = 2


def sent_mails(outputs: Outputs) -> list[dict[str, Any]]:
    """What the emulator's SES was given, the oldest first: MessageId, Source, To, Subject, BodyText, BodyHtml."""
    url = f"{outputs.aws_url}/_ministack/ses/messages?account={outputs.account}"
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310  http, on loopback
        accounts: dict[str, list[dict[str, Any]]] = json.load(answer)["messages"]
    return accounts.get(outputs.account, [])


def collect_mail(outputs: Outputs, folder: Path = MAIL_FOLDER) -> list[Path]:
    """Write the mails that are not in `folder` yet, and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for mail in sent_mails(outputs):
        file = folder / f"{mail['MessageId'].partition('@')[0]}.eml"
        if file.exists():
            continue
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = mail["Source"], ", ".join(mail["To"]), mail["Subject"]
        message.set_content(mail["BodyText"])
        message.add_alternative(mail["BodyHtml"], subtype="html")
        file.write_bytes(bytes(message))
        written.append(file)
    return written


def show_mail(outputs: Outputs) -> None:
    """Write and list each mail as it comes, until interrupted. What an earlier run left is removed first."""
    shutil.rmtree(MAIL_FOLDER, ignore_errors=True)
    while True:
        for file in collect_mail(outputs):
            with file.open("rb") as content:
                mail = BytesParser(policy=SMTP).parse(content, headersonly=True)
            print(f"  mail  {file.relative_to(ROOT)}   to {mail['to']}: {mail['subject']}", flush=True)
        time.sleep(_LOOK_EVERY_SECONDS)
