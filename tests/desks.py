"""A watch to whose desk operators come."""

from __future__ import annotations

from monitor.journal import Usable
from monitor.model.operator import OperatorRecord
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.stations import Station

Item = Usable | OperatorRecord
WAIT_S = 20.0


class Desked(Station):
    """A station at which operators enter phases too."""

    def enter(self, *items: Item) -> None:
        for item in items:
            if isinstance(item, OperatorRecord):
                self.journal.append_own("operator", item.entered_ns, item.to_json(), item.container)
            else:
                self.append(item)
        self.run()

    def starts(self, rule: str) -> list[str]:
        return sorted(alert["occurred_at"] for alert in self.alerts() if alert["rule"] == rule)


def hot_at(seq: int, at_s: int) -> Usable:
    """A reading beyond the limit, and ten seconds later one that is not."""
    return arrival("env", env(seq, t0=T0 + at_s * S, mono=at_s * S, values=[[26.0], [20.0]]), T0 + 5000 * S)
