"""Values that are stored inside an attribute of a row, by position or by name, and what a newer release adds to them.

Two releases run side by side while one is deployed, and a release may be taken back. So each reads what another wrote:

- A row of an older release lacks a field. The field goes last and has a default: that is what is read.
- A row of a newer release has a field that this one does not know. It is passed over, kept as `newer`, and written back
  as it was read. `dataclasses.replace` carries it along; no decision depends on it, so it does not count in comparing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ByPosition:
    """`newer` is what followed the last field that this release knows."""

    newer: tuple[object, ...] = field(default=(), kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ByName:
    """`newer` are the members that this release does not know."""

    newer: Mapping[str, object] = field(default_factory=dict, kw_only=True, compare=False, repr=False)
