"""From the broker to the journal: two MQTT sessions that only enqueue, and the intake that commits and acknowledges."""

from monitor.ingest.desk import Desk
from monitor.ingest.inbox import Inbox
from monitor.ingest.intake import Intake
from monitor.ingest.session import Session

__all__ = ["Desk", "Inbox", "Intake", "Session"]
