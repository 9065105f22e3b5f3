"""Ways to tell people and other programs: one file for each kind of notifier, and what is told."""

from monitor.notify.notification import Notification, NotTaken, PartlyTaken, Refused, Transport

__all__ = ["NotTaken", "Notification", "PartlyTaken", "Refused", "Transport"]
