"""Plans in the table: immutable versions, and the current one once more as version 0."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from billing.domain.errors import Conflict
from billing.domain.plan import CallRules, Plan, PlanKey, RecurringFeature, UsageFeature, VolumeDiscount
from billing.store.attributes import InstantAttribute, IntegerAttribute, JsonAttribute
from billing.store.database import Database, Item
from billing.store.formats import pick_known
from billing.store.tables import raw_item


class CurrentPlans(GlobalSecondaryIndex[Any]):
    """The current version of each plan (the rows of version 0), by the plans' ids: its number and who may choose it."""

    class Meta:
        index_name = "current"
        projection = IncludeProjection(["current_version", "offered", "archived"])

    version = IntegerAttribute(hash_key=True)
    plan_id = UnicodeAttribute(range_key=True)


class PlanVersionItem(Model):
    """One immutable version of a plan, or its current one once more as version 0 (`current`)."""

    class Meta:
        table_name = "plans"

    plan_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute(range_key=True)
    current_version = IntegerAttribute(null=True)
    name = UnicodeAttribute()
    currency = UnicodeAttribute()
    kind = UnicodeAttribute()
    base_price_micros = IntegerAttribute()
    minimum_top_up_micros = IntegerAttribute()
    usage_features = JsonAttribute()
    recurring_features = JsonAttribute()
    created_at = InstantAttribute()
    calls = JsonAttribute(null=True)
    maximum_charge_micros = IntegerAttribute(null=True)
    description = UnicodeAttribute(null=True)
    offered = BooleanAttribute(null=True)
    archived = BooleanAttribute(null=True)

    listed = CurrentPlans()


@dataclass(frozen=True, slots=True)
class ListedPlan:
    """What a list of plans must know of each before it shows some."""

    key: PlanKey
    on_offer: bool


CURRENT = 0
_WRITE_ATTEMPTS = 8


class Plans:
    """Reads and writes plans. A version never changes, so it is read once and kept for the life of the process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, int], Plan] = {}

    def find(self, plan_id: str, version: int) -> Plan | None:
        """One version, None where there is none of that number."""
        plan = self._kept.get((plan_id, version))
        if plan is None:
            item = self._database.get(PlanVersionItem, {"plan_id": plan_id, "version": version})
            if item is None:
                return None
            plan = self._kept[plan_id, version] = _plan(item)
        return plan

    def version(self, plan_id: str, version: int) -> Plan:
        """One version, which must exist: wallets pin only versions that do."""
        plan = self.find(plan_id, version)
        if plan is None:
            raise LookupError(f"plan {plan_id} has no version {version}")
        return plan

    def written_at(self, key: PlanKey) -> datetime:
        """When a version that exists was written."""
        plan_id, version = key
        item = self._database.get(PlanVersionItem, {"plan_id": plan_id, "version": version})
        if item is None:
            raise LookupError(f"plan {plan_id} has no version {version}")
        written_at: datetime = item.created_at
        return written_at

    def versions(self, keys: Iterable[PlanKey]) -> dict[PlanKey, Plan]:
        return {key: self.version(*key) for key in keys}

    def get_many(self, keys: Iterable[PlanKey]) -> dict[PlanKey, Plan]:
        """Those versions that there are: a request for a hundred that are not kept yet."""
        keys = set(keys)
        unread = sorted(keys - self._kept.keys())
        wanted = [{"plan_id": plan_id, "version": version} for plan_id, version in unread]
        for item in self._database.get_many(PlanVersionItem, wanted):
            plan = _plan(PlanVersionItem.from_raw_data(item))
            self._kept[plan.key] = plan
        return {key: self._kept[key] for key in keys & self._kept.keys()}

    def current(self, plan_id: str) -> Plan | None:
        item = self._database.get(PlanVersionItem, {"plan_id": plan_id, "version": CURRENT})
        return None if item is None else _plan(item)

    def add_version(self, plan: Plan, now: datetime) -> Plan:
        """Write `plan` as the next version of its id, whatever version it names, and return it as written."""
        for attempt in range(_WRITE_ATTEMPTS):
            current = self.current(plan.plan_id)
            written = replace(plan, version=1 if current is None else current.version + 1)
            new_version = self._database.put_new(PlanVersionItem, _item(written, written.version, now), "plan_id")
            if self._database.write_all([new_version, self._current_put(written, now)]):
                return written
            self._database.pause(attempt)
        raise Conflict(f"plan {plan.plan_id} is being changed by others at the same moment")

    def list_current(self) -> list[ListedPlan]:
        """The current version of each plan, a moment after it was put: a request for some ten thousand plans."""
        pages = self._database.pages(
            "query",
            PlanVersionItem,
            limit=None,
            IndexName=CurrentPlans.Meta.index_name,
            KeyConditionExpression="version = :current",
            ExpressionAttributeValues={":current": {"N": str(CURRENT)}},
        )
        return [_listed(item) for page in pages for item in page]

    def _current_put(self, plan: Plan, now: datetime) -> Item:
        item = _item(plan, CURRENT, now)
        put: Item = {"TableName": self._database.table(PlanVersionItem), "Item": item}
        if plan.version == 1:
            put["ConditionExpression"] = "attribute_not_exists(plan_id)"
        else:
            put["ConditionExpression"] = "current_version = :before"
            put["ExpressionAttributeValues"] = {":before": {"N": str(plan.version - 1)}}
        return {"Put": put}


def _item(plan: Plan, version: int, now: datetime) -> Item:
    return raw_item(
        PlanVersionItem,
        plan_id=plan.plan_id,
        version=version,
        current_version=plan.version,
        name=plan.name,
        currency=plan.currency,
        kind=plan.kind,
        base_price_micros=plan.base_price_micros,
        minimum_top_up_micros=plan.minimum_top_up_micros,
        usage_features=[asdict(feature) for feature in plan.usage_features.values()],
        recurring_features=[asdict(feature) for feature in plan.recurring_features.values()],
        created_at=now,
        calls=None if plan.calls == CallRules() else asdict(plan.calls),
        maximum_charge_micros=plan.maximum_charge_micros,
        description=plan.description,
        offered=plan.offered or None,
        archived=plan.archived or None,
    )


def _listed(item: Item) -> ListedPlan:
    offered, archived = (item.get(name, {}).get("BOOL", False) for name in ("offered", "archived"))
    return ListedPlan((item["plan_id"]["S"], int(item["current_version"]["N"])), offered and not archived)


def _plan(item: PlanVersionItem) -> Plan:
    kind: Any = item.kind
    return Plan(
        plan_id=item.plan_id,
        version=item.current_version or item.version,
        name=item.name,
        currency=item.currency,
        kind=kind,
        base_price_micros=item.base_price_micros,
        minimum_top_up_micros=item.minimum_top_up_micros,
        usage_features={fields["key"]: _usage_feature(fields) for fields in item.usage_features},
        recurring_features={fields["key"]: _recurring_feature(fields) for fields in item.recurring_features},
        calls=_call_rules(item.calls or {}),
        maximum_charge_micros=item.maximum_charge_micros,
        description=item.description,
        offered=bool(item.offered),
        archived=bool(item.archived),
    )


def _call_rules(fields: dict[str, Any]) -> CallRules:
    known = pick_known(CallRules, fields)
    return CallRules(**{**known, "time": tuple(known["time"])}) if known else CallRules()


def _usage_feature(fields: dict[str, Any]) -> UsageFeature:
    discounts = tuple(VolumeDiscount(**pick_known(VolumeDiscount, tier)) for tier in fields["volume_discounts"])
    return UsageFeature(**{**pick_known(UsageFeature, fields), "volume_discounts": discounts})


def _recurring_feature(fields: dict[str, Any]) -> RecurringFeature:
    return RecurringFeature(**pick_known(RecurringFeature, fields))
