"""The fields of a control call: known, typed and complete, or refused."""

from infra.local.stripe_simulator.errors import Json, invalid

Types = dict[str, tuple[type, ...]]


def read_fields(body: Json, required: Types, optional: Types) -> Json:
    """The body's fields, or a refusal of what is missing, unknown or of another type."""
    for name in required:
        if name not in body:
            raise invalid(f"Missing required field: {name}", name)
    types = required | optional
    for name, value in body.items():
        if name not in types:
            raise invalid(f"Received unknown field: {name}", name)
        if type(value) not in types[name]:
            raise invalid(f"Ill-typed field: {name}", name)
    return dict(body)
