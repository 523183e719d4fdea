"""Sparse indexes of what is due: its rows carry a mark while something is to be done, and the moment from which on."""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.models import Model

from billing.domain.instants import format_instant
from billing.store.database import Database, Item


def due_pages(
    database: Database, model: type[Model], index: str, mark: tuple[str, str], due: tuple[str, datetime] | None = None
) -> Iterator[list[Item]]:
    """The keys of the rows under a mark (its attribute, its value), the longest waiting first, in pages.

    `due` names the attribute of the moment, which has come by the one that is given; without it all rows are due.
    """
    names, values = {"#mark": mark[0]}, {":mark": {"S": mark[1]}}
    condition = "#mark = :mark"
    if due is not None:
        condition += " AND #due <= :now"
        names["#due"] = due[0]
        values[":now"] = {"S": format_instant(due[1])}
    return database.pages(
        "query",
        model,
        IndexName=index,
        KeyConditionExpression=condition,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )
