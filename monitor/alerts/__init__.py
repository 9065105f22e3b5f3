"""The life cycle of alerts: from the detector's findings to what is published, and the tables that keep both."""

from monitor.alerts.book import AlertBook
from monitor.alerts.entering import enter
from monitor.alerts.raising import Origin
from monitor.alerts.view import AlertView

__all__ = ["AlertBook", "AlertView", "Origin", "enter"]
