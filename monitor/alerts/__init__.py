"""The life cycle of alerts: from the detector's findings to what is published, and the table that keeps both."""

from monitor.alerts.book import AlertBook
from monitor.alerts.raising import raise_alert

__all__ = ["AlertBook", "raise_alert"]
