"""Which entries a stream sends: some events, from a severity on, of some organisations. What it does not send, it passes over.

A stream that chooses has gaps in `sequence`: who watches it cannot tell from those that an entry is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from appliance.audit.events import Event
from appliance.audit.ocsf import severity_of
from appliance.audit.ocsf.values import Severity
from appliance.audit.sinks.errors import SinkChoiceMalformed

_MOST: Final = 200
_EVERY: Final = ":*"
_NAMES: Final = frozenset(one.value for one in Event)


@dataclass(frozen=True)
class Choice:
    """`events`: names, or all of a room as `identity:*`; empty: every event. `organisations`: of a stream of all logs; empty: every log."""

    events: tuple[str, ...] = ()
    least: Severity = Severity.INFORMATIONAL
    organisations: tuple[UUID, ...] = ()

    def takes(self, event: str) -> bool:
        """Return whether an entry of this event is sent. One that this version does not know is, unless events are named."""
        is_named = not self.events or event in self.events or f"{event.split(':', 1)[0]}{_EVERY}" in self.events
        return is_named and severity_of(event) >= self.least

    def said(self) -> dict[str, str]:
        """Return what is chosen as the log says it; nothing where all is sent."""
        found = {
            "events": ",".join(self.events),
            "least_severity": "" if self.least is Severity.INFORMATIONAL else self.least.name.lower(),
            "organisations": ",".join(map(str, self.organisations)),
        }
        return {name: value for name, value in found.items() if value}


EVERYTHING: Final = Choice()


def choice_of(events: Iterable[str], least: str | None, organisations: Iterable[UUID], *, is_of_all: bool) -> Choice:
    """Return what is asked for. Raises SinkChoiceMalformed."""
    named = tuple(dict.fromkeys(events))
    ids = tuple(dict.fromkeys(organisations))
    rooms = {f"{one.split(':', 1)[0]}{_EVERY}" for one in _NAMES}
    wrong = [one for one in named if one not in _NAMES and one not in rooms]
    severity = (least or Severity.INFORMATIONAL.name).upper()
    if wrong or len(named) > _MOST or len(ids) > _MOST or severity not in Severity.__members__ or (ids and not is_of_all):
        raise SinkChoiceMalformed(given=wrong[0][:60] if wrong else severity.lower())
    return Choice(named, Severity[severity], ids)
