"""What a visitor chooses for themselves, and the way out."""

from billing.console.answers import Answer, Redirect, own_path
from billing.console.cookies import NO_SESSION, preferences_cookie
from billing.console.visit import Preferences, Visit


def prefer(visit: Visit) -> Answer:
    """Keep the language and the theme in the browser, and go back to where the visitor was."""
    chosen = Preferences.parse(f"{visit.form.get('language', '')}.{visit.form.get('theme', '')}")
    language = chosen.language or visit.speaker.language
    theme = chosen.theme if "theme" in visit.form else visit.theme
    return Redirect(own_path(visit.form.get("back", "")), cookies=(preferences_cookie(language, theme),))


def sign_out(visit: Visit) -> Answer:
    """End the visit here and now, whoever else has its cookie."""
    visit.store.portal_sessions.remove(visit.session.session_id)
    return Redirect("/console/signed-out", cookies=(NO_SESSION,))
