"""Write a monthly statement: its figures, put into its languages, as a page that is ready to print."""

from collections.abc import Mapping, Sequence

from billing.domain.decimals import format_millionths
from billing.domain.document import Party
from billing.domain.ledger import EntryKind
from billing.domain.money import Money
from billing.domain.statement import MOVEMENTS, MoneyLine, MovementCode, Statement, UsageLine
from billing.words.document_texts import LABELS, MOVEMENT_TEXTS, TITLES
from billing.words.formats import in_a_column, month
from billing.words.history_texts import ENTRIES
from billing.words.pages import Cell, Page, Paper, column


def write_statement(statement: Statement, seller: Party) -> Page:
    """The page of a statement, which its seller issues."""
    paper = Paper(statement.languages)
    billed = statement.month
    shown = paper.said(lambda language: month(billed.year, billed.month, language))
    return paper.page(
        title=paper.said(lambda language: TITLES.say(language, "statement")),
        number=str(billed),
        issued_at=statement.made_at,
        seller=seller,
        customer=statement.customer,
        facts=[
            (paper.label("statement"), shown),
            (paper.label("period"), paper.span(billed.start, billed.end)),
            (paper.label("made_on"), paper.date(statement.made_at)),
        ],
        tables=[
            _balance(statement, paper),
            _money(statement, paper),
            _subscription(statement, paper),
            _usage(statement, paper),
        ],
    )


def say_money(line: MoneyLine, language: str) -> str:
    """What a movement of money was for; of an entry of a former release, by its kind."""
    if line.code is not None and not ENTRIES.facts(line.code):
        return ENTRIES.say(language, line.code)
    if line.kind == "adjustment":
        return LABELS.say(language, "by_another_way")
    return MOVEMENT_TEXTS.say(language, _OF_KIND.get(line.kind, "payments"))


_OF_KIND: Mapping[EntryKind, MovementCode] = {
    "refund": "refunds",
    "dispute": "disputes",
    "renewal": "subscription",
    "plan_change": "subscription",
}


def _balance(statement: Statement, paper: Paper) -> dict[str, object]:
    moved = [code for code in MOVEMENTS if code in statement.movements]
    labels = [paper.label("opening"), *(_movement(code, paper) for code in moved), paper.label("closing")]
    micros = [statement.opening_micros, *(statement.movements[code] for code in moved), statement.closing_micros]
    columns = [column(paper.label("description")), column(paper.label("amount"), at_end=True)]
    rows = [[_text(label), amount] for label, amount in zip(labels, _amounts(micros, statement, paper), strict=True)]
    return _table(paper.label("balance"), columns, rows, strong=(0, len(rows) - 1))


def _movement(code: MovementCode, paper: Paper) -> str:
    return paper.said(lambda language: MOVEMENT_TEXTS.say(language, code))


def _money(statement: Statement, paper: Paper) -> dict[str, object]:
    lines = statement.money
    amounts = _amounts([line.amount_micros for line in lines], statement, paper)
    rows = [
        [*_what(line, paper), _text(paper.fact(line.number or "")), amount]
        for line, amount in zip(lines, amounts, strict=True)
    ]
    columns = [column(paper.label(code)) for code in ("description", "date", "document")]
    columns.append(column(paper.label("amount"), at_end=True))
    return _table(paper.label("payments"), columns, rows, empty=paper.label("no_payments"))


def _subscription(statement: Statement, paper: Paper) -> dict[str, object]:
    lines = statement.subscription
    amounts = _amounts([line.amount_micros for line in lines], statement, paper)
    rows = [[*_what(line, paper), amount] for line, amount in zip(lines, amounts, strict=True)]
    columns = [column(paper.label(code)) for code in ("description", "date")]
    columns.append(column(paper.label("amount"), at_end=True))
    return _table(paper.label("subscription"), columns, rows, empty=paper.label("no_subscription"))


def _usage(statement: Statement, paper: Paper) -> dict[str, object]:
    lines = statement.usage
    amounts = _amounts([line.amount_micros for line in lines], statement, paper)
    rows = [
        [
            _feature(line, paper),
            _text(paper.fact(format_millionths(line.quantity_millionths))),
            _text(paper.fact(format_millionths(line.included_millionths))),
            _text(paper.fact(format_millionths(line.bought_millionths))),
            amount,
        ]
        for line, amount in zip(lines, amounts, strict=True)
    ]
    columns = [column(paper.label("feature"))]
    columns += [column(paper.label(code), at_end=True) for code in ("quantity", "included", "charged", "amount")]
    return _table(paper.label("usage"), columns, rows, empty=paper.label("no_usage"))


def _feature(line: UsageLine, paper: Paper) -> Cell:
    """The unit stands below the name, so that the figures of all features have room beside each other."""
    unit = paper.fact(line.unit)
    small = f"{unit} ({paper.label('late')})" if line.is_late else unit
    return {**_text(paper.fact(line.name or line.feature)), "small": small}


def _what(line: MoneyLine, paper: Paper) -> list[Cell]:
    return [_text(paper.said(lambda language: say_money(line, language))), _text(paper.date(line.posted_at))]


def _amounts(micros: Sequence[int], statement: Statement, paper: Paper) -> list[Cell]:
    """To the micro-unit where one has them: a statement agrees with the ledger."""
    return [_text(paper.fact(text)) for text in in_a_column([Money(each, statement.currency) for each in micros])]


def _text(text: str) -> Cell:
    return {"text": text}


def _table(
    heading: str,
    columns: Sequence[object],
    rows: Sequence[Sequence[Cell]],
    *,
    strong: Sequence[int] = (),
    empty: str | None = None,
) -> dict[str, object]:
    return {"heading": heading, "columns": columns, "rows": rows, "strong_rows": list(strong), "empty": empty}
