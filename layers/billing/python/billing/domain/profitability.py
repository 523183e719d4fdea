"""What a customer paid for usage against what it cost the platform, where the plan states a unit cost."""

from dataclasses import dataclass

from billing.domain.decimals import MILLION, divide_half_up
from billing.domain.usage_sum import UsageSum

_HUNDREDTH = 10_000


@dataclass(frozen=True, slots=True)
class Profit:
    """Of an account in a range. `uncosted` are the features that were paid for and have no cost."""

    account_id: str
    name: str
    currency: str
    revenue_micros: int
    cost_micros: int | None
    uncosted: tuple[str, ...]

    @property
    def margin_percent_millionths(self) -> int | None:
        """Of the revenue, rounded half up to two decimals: 0.60 paid and 0.25 of cost are 58.33. None without any."""
        if self.cost_micros is None or self.revenue_micros <= 0:
            return None
        margin = self.revenue_micros - self.cost_micros
        return divide_half_up(margin * 100 * MILLION, self.revenue_micros * _HUNDREDTH) * _HUNDREDTH


def profit_of(account_id: str, name: str, currency: str, total: UsageSum) -> Profit:
    uncosted = (use.feature for use in total.features().values() if use.cost_micros is None and use.amount_micros)
    return Profit(account_id, name, currency, total.amount_micros, total.cost_micros, tuple(uncosted))
