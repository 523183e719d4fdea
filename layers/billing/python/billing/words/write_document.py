"""Write a receipt or a credit note: its frozen facts, put into its languages, as a page that is ready to print."""

from dataclasses import replace

from billing.domain.decimals import MILLION, format_millionths, parse_millionths
from billing.domain.document import Content, Document
from billing.domain.money import Money
from billing.domain.transaction import TransactionLine
from billing.words.document_texts import TITLES
from billing.words.formats import money, precise
from billing.words.history_texts import say_line
from billing.words.pages import Cell, Page, Paper, column


def write_document(document: Document) -> Page:
    """The page of a document: the same one for ever, as long as this release's words stay."""
    content = document.content
    paper = Paper(content.languages)
    title = paper.said(lambda language: TITLES.say(language, content.kind))
    return paper.page(
        title=title if content.title is None else paper.fact(content.title),
        number=document.full_number,
        issued_at=document.issued_at,
        seller=content.seller,
        customer=content.customer,
        facts=_facts(document, paper),
        tables=[_table(content, paper)],
        totals=_totals(content, paper),
        notes=content.notes,
    )


def _facts(document: Document, paper: Paper) -> list[tuple[str, str]]:
    content = document.content
    is_receipt = content.kind == "receipt"
    facts = [
        (paper.label(content.kind), paper.fact(document.full_number)),
        (paper.label("issued_on"), paper.date(document.issued_at)),
        (paper.label("paid_on" if is_receipt else "given_back_on"), paper.date(content.moved_at)),
    ]
    if content.receipt_number is not None:
        facts.append((paper.label("receipt"), paper.fact(content.receipt_number)))
    if content.card is not None:
        facts.append((paper.label("card"), paper.card(content.card)))
    return [*facts, (paper.label("transaction"), paper.fact(content.transaction_id))]


def _table(content: Content, paper: Paper) -> dict[str, object]:
    columns = [column(paper.label("description"))]
    columns += [column(paper.label(code), at_end=True) for code in ("quantity", "unit_price", "amount")]
    return {
        "heading": None,
        "columns": columns,
        "rows": [_row(line, content.currency, paper) for line in content.lines],
        "strong_rows": [],
        "empty": None,
    }


def _row(line: TransactionLine, currency: str, paper: Paper) -> list[Cell]:
    named = replace(line, name=paper.fact(line.name), description=paper.fact(line.description))
    what: dict[str, str] = {"text": paper.said(lambda language: say_line(named, language))}
    if line.period_start is not None and line.period_end is not None:
        what["small"] = paper.span(line.period_start, line.period_end)
    amount = Money(line.amount_micros, currency)
    return [
        what,
        {"text": paper.fact(line.quantity)},
        {"text": _unit_price(line, amount, paper)},
        {"text": paper.fact(precise(amount))},
    ]


def _unit_price(line: TransactionLine, amount: Money, paper: Paper) -> str:
    """Of a part of a month it is what that part costs. Nothing, if the amount is no whole multiple of it."""
    quantity = parse_millionths(line.quantity, "quantity")
    if not quantity or amount.micros * MILLION % quantity:
        return ""
    return paper.fact(precise(Money(amount.micros * MILLION // quantity, amount.currency)))


def _totals(content: Content, paper: Paper) -> list[dict[str, object]]:
    total = Money(content.amount_micros, content.currency)
    totals: list[dict[str, object]] = []
    for line in content.taxes:
        percent = paper.fact(f"{format_millionths(line.percent_millionths)} %")
        net, tax = (Money(micros, content.currency) for micros in (line.net_micros, line.tax_micros))
        totals.append({"label": paper.label("net"), "amount": paper.fact(precise(net)), "strong": False})
        totals.append(
            {"label": f"{paper.fact(line.name)} ({percent})", "amount": paper.fact(money(tax)), "strong": False}
        )
    label = paper.label("total_paid" if content.kind == "receipt" else "total_given_back")
    return [*totals, {"label": label, "amount": paper.fact(precise(total)), "strong": True}]
