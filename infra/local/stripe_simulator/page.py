"""The hosted payment page: a plain form that works in a browser and for any HTTP client."""

from html import escape

from infra.local.stripe_simulator.cards import CARDS
from infra.local.stripe_simulator.currencies import show
from infra.local.stripe_simulator.errors import Json

_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem; }}
select, button {{ font: inherit; width: 100%; padding: .6rem; margin: .3rem 0; }}
.error {{ color: #b00020; }}
</style>
<h1>{title}</h1>
{content}
</html>
"""

_FORM = """<p>Stripe simulator: no money moves.</p>
{items}
{error}
<form method="post">
<label for="card">Test card</label>
<select id="card" name="card">{options}</select>
<button name="action" value="{action}">{verb}</button>
{cancel}
</form>"""


def session_page(session: Json, items: list[Json], error: str = "") -> str:
    """The page of a session: what is paid for, the card, the buttons; or why it can be used no more."""
    if session["status"] != "open":
        word = "already been completed" if session["status"] == "complete" else "expired"
        return _FRAME.format(title="Checkout", content=f"<p>This checkout session has {word}.</p>")
    pays = session["mode"] == "payment"
    total = show(session["amount_total"], session["currency"]) if pays else ""
    lines = "".join(
        f"<li>{escape(item['description'])}: {show(item['amount_total'], item['currency'])}</li>" for item in items
    )
    content = _FORM.format(
        items=f"<ul>{lines}</ul>" if pays else "",
        error=f'<p class="error" role="alert">{escape(error)}</p>' if error else "",
        options="".join(map(_option, [*CARDS, *(kind for kind in session["payment_method_types"] if kind != "card")])),
        action="pay" if pays else "save",
        verb="Pay" if pays else "Save card",
        cancel='<button name="action" value="cancel">Cancel</button>' if session["cancel_url"] else "",
    )
    return _FRAME.format(title=f"Pay {total}" if pays else "Save a card", content=content)


def _option(token: str) -> str:
    card = CARDS.get(token)
    name = token if card is None else f"{card.brand} •••• {card.last4} ({token})"
    return f'<option value="{token}">{name}</option>'
