"""The engine: each batch to each family of rules, their findings in one order, their state in one snapshot."""

from __future__ import annotations

from monitor.detect import snapshot
from monitor.detect.gather import gather
from monitor.detect.phases import Phases
from monitor.detect.rules import RulesView
from monitor.detect.shock import ShockJudge
from monitor.detect.streams import MAX_STREAMS, Streams
from monitor.detect.thresholds import Thresholds
from monitor.model.batch import Batch, Finding


class Engine:
    """Judges all loggers of a batch at once and carries state from batch to batch.

    The findings are the same however the journal was cut into batches, save that `peak` findings tell of a growing
    peak once a batch; the last one is the same. `max_streams` bounds what unknown senders can make it remember.
    """

    def __init__(self, rules: RulesView, max_streams: int = MAX_STREAMS) -> None:
        self._max_streams = max_streams
        self._refused_before = 0
        self._begin(rules)

    @property
    def refused_streams(self) -> int:
        """Streams that are not judged, as `max_streams` others were there before."""
        return self._refused_before + self._streams.refused

    def step(self, batch: Batch) -> list[Finding]:
        """Judge a batch: findings in order of the journal and, within a record, of its readings.

        Never raises over what the readings are: NaN, infinities, times that run backwards and unknown channels are
        all judged or passed over.
        """
        phases = Phases(self._rules)
        found: list[tuple[int, Finding]] = []
        for column in gather(batch.blocks, self._streams):
            found += self._thresholds.step(column, phases)
        for event in batch.events:
            found += self._shocks.step(event, phases)
        found.sort(key=lambda item: (item[1].pos, item[0], item[1].channel, item[1].rule))
        return [finding for _, finding in found]

    def snapshot(self) -> bytes:
        """The state as bytes for `restore`: small, as quiet streams need none."""
        return snapshot.encode(*self._thresholds.active())

    def restore(self, data: bytes) -> list[Finding]:
        """Take the state of a snapshot in place of the present one; TcmError when it is of another version.

        State of a rule that is not in force with the same content is dropped: what was firing under it is returned
        as `cleared` at its last reading (none when the rules are those of the snapshot).
        """
        remembered = snapshot.decode(data)
        self._refused_before = self.refused_streams
        self._begin(self._rules)
        return self._thresholds.adopt(*remembered)

    def reconfigure(self, rules: RulesView) -> list[Finding]:
        """Go on under other rules; as `restore`, exceedances of rules removed or changed end with `cleared`."""
        remembered = self._thresholds.active()
        self._refused_before = self.refused_streams
        self._begin(rules)
        return self._thresholds.adopt(*remembered)

    def _begin(self, rules: RulesView) -> None:
        """Start without state."""
        self._rules = rules
        self._streams = Streams(rules, self._max_streams)
        self._thresholds = Thresholds(self._streams)
        self._shocks = ShockJudge(rules)
