"""Low balance: which of the thresholds that a customer set have been fallen below, each told once a crossing."""

from collections.abc import Collection

MAX_THRESHOLDS = 5


def alerted_after(
    thresholds: Collection[int], alerted_micros: int | None, balance_micros: int, *, refill_pending: bool
) -> int | None:
    """The lowest threshold that the customer has been told of and that is not armed again, in micro-units.

    A threshold is crossed when the balance is below it, and armed again when the balance is above it: on the threshold
    itself nothing changes. Falling through several at once tells the lowest. While a refill is pending nothing new is
    told; when it is no longer pending this decides from the balance it left, so that a refill that succeeds silences
    the alert and one that fails does not. A result lower than before, or a first one, is what there is to tell.
    """
    known = [each for each in thresholds if alerted_micros is not None and max(alerted_micros, balance_micros) <= each]
    still = min(known, default=None)
    crossed = min((each for each in thresholds if balance_micros < each), default=None)
    if crossed is None or refill_pending or (still is not None and still <= crossed):
        return still
    return crossed
