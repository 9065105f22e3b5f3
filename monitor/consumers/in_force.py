"""The rules in force: the journal's last configuration, and what operators set over it."""

from __future__ import annotations

from collections.abc import Callable

from monitor.config import Rules
from monitor.detect.rules import started_anew
from monitor.model.errors import TcmError
from monitor.model.operator_book import OperatorBook
from monitor.model.record import Record

Adapt = Callable[[Rules], Rules]


class InForce:
    """`operators` is what these set; `started_anew` has by profile the rules its last change concerned."""

    def __init__(self, rules: Rules | None, adapt: Adapt, operators: OperatorBook) -> None:
        """Without `rules` there are none before the first `configure`; `adapt` may change what the journal says."""
        self.adapt, self.operators = adapt, operators
        self._rules = rules.with_operators(operators) if rules else None
        self.started_anew: dict[str, list[str]] = {}

    @property
    def rules(self) -> Rules:
        """Those in force, what operators set included; TcmError while there is no configuration."""
        if self._rules is None:
            hint = "start the daemon on it once: it journals its own"
            raise TcmError("judge", "journal", "there is no configuration", hint)
        return self._rules

    def read(self, config: bytes) -> Rules:
        """The rules of a configuration in the journal."""
        return self.adapt(Rules.from_json(config))

    def configure(self, record: Record) -> dict[str, list[str]]:
        """A configuration comes into force; by changed profile the rules that start anew."""
        known, after = self._rules.profiles if self._rules else {}, self.read(record.payload)
        changed = {
            name: started_anew(known[name], profile)
            for name, profile in after.profiles.items()
            if name in known and known[name] != profile
        }
        self.started_anew |= changed
        self._rules = after.with_operators(self.operators)
        return changed

    def set_operators(self, operators: OperatorBook) -> None:
        """All that operators set is this."""
        self.operators, self._rules = operators, self.rules.with_operators(operators)
