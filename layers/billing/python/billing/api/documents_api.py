"""The routes that answer with PDF files. The function that has them carries typst, and neither Stripe nor the rest."""

from billing.api.routes_documents import DocumentsRoutes
from billing.services.documents import Typeset
from billing.store.store import Store
from billing.web.routing import Api


def documents_api(store: Store, typeset: Typeset) -> Api:
    return Api([DocumentsRoutes(store, typeset)])
