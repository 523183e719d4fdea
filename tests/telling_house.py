"""The use cases that tell people, over a store: a queue that a test works off, and a mailbox that it reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.contracts.bus_events import BusEvent, bus_event
from billing.domain.delivery import Answer, Attempt, Delivery
from billing.domain.notices import of_wallet
from billing.domain.webhook_endpoint import WebhookEndpoint, secret_text
from billing.runtime.webhook_sender import WebhookSender
from billing.services.deliver import DeliveryOffice
from billing.services.notify import Notifier
from billing.store.database import Database
from billing.store.deliveries import Deliveries
from billing.store.store import Store
from billing.store.webhook_endpoints import WebhookEndpoints
from billing.words.write_email import Email
from tests.builders import BILLING_URL, NOW, wallet
from tests.patience import WITHIN_SECONDS

SECRET = secret_text(bytes(range(32)))
PAYLOAD = bus_event(of_wallet(wallet(), wallet(paid="-0.035", paused=True, version=2), NOW)[0]).payload


class Killed(BaseException):
    """The process is gone: nothing after this line of it runs."""


@dataclass
class House:
    """The office that tells people; `dies_after_sending` kills it once, between a webhook and its record."""

    database: Database
    queued: list[Attempt] = field(default_factory=list)
    mails: list[Email] = field(default_factory=list)
    mail_answers: list[Answer] = field(default_factory=list)
    dies_after_sending: bool = False

    @property
    def store(self) -> Store:
        return Store(self.database)

    def send(self, deliveries: Sequence[Delivery]) -> None:
        self.queued += [Attempt(each.destination, each.event_id, each.attempts) for each in deliveries]

    def tell(self, event_id: str = "evt_1", *, now: datetime = NOW) -> None:
        self.spread(BusEvent(event_id, "account.paused", "acme", PAYLOAD), now)

    def spread(self, event: BusEvent, now: datetime = NOW) -> Collection[Delivery]:
        notifier = Notifier(self.store, self)
        return notifier.spread(event.event_id, event.type, event.account_id, event.payload, now)

    def work_off(self, now: datetime = NOW) -> None:
        """Make all queued attempts, each delivered twice as SQS may."""
        while self.queued:
            wanted = self.queued.pop(0)
            for _ in range(2):
                self.office.attempt(wanted, now)

    def sweep(self, now: datetime) -> int:
        swept = self.office.sweep(now)
        self.work_off(now)
        return swept

    @property
    def office(self) -> DeliveryOffice:
        return DeliveryOffice(self.store, self, post=self._post, mail=self._mail, billing_url=BILLING_URL)

    @property
    def endpoints(self) -> WebhookEndpoints:
        return WebhookEndpoints(self.database)

    def add_endpoint(self, url: str, endpoint_id: str = "we_1", *events: str) -> None:
        self.endpoints.add(WebhookEndpoint(endpoint_id, url, events, "", NOW), SECRET)

    def endpoint(self, endpoint_id: str = "we_1") -> WebhookEndpoint:
        found = self.endpoints.get(endpoint_id)
        assert found is not None
        return found

    def delivery(self, destination: str = "we_1", event_id: str = "evt_1") -> Delivery:
        found = Deliveries(self.database).get(destination, event_id)
        assert found is not None
        return found

    def _post(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        answer = WebhookSender(local=True, time_limit_seconds=WITHIN_SECONDS).post(url, headers, body)
        if self.dies_after_sending:
            self.dies_after_sending = False
            raise Killed
        return answer

    def _mail(self, mail: Email) -> Answer:
        answer = self.mail_answers.pop(0) if self.mail_answers else Answer()
        if answer.accepted:
            self.mails.append(mail)
        return answer
