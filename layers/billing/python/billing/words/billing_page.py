"""The platform's page on which an account's bills are seen and paid, as mails link to it."""

from urllib.parse import urlencode, urlsplit


def billing_page(billing_url: str, account_id: str) -> str:
    """The address with `account=<id>`: whoever pays for several accounts lands at the right one.

    It opens nothing by itself: the page knows its own users, and what each of them may see. The address stays as it was
    configured, with its query and its fragment.
    """
    parts = urlsplit(billing_url)
    account = urlencode({"account": account_id})
    return parts._replace(query=f"{parts.query}&{account}" if parts.query else account).geturl()
