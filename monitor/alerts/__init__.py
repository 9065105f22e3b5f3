"""The life cycle of alerts: from the detector's findings to what is published, and the table that keeps both."""

from monitor.alerts.book import AlertBook
from monitor.alerts.raising import Origin, raise_alert

__all__ = ["AlertBook", "Origin", "raise_alert"]
