"""Apprise (extra `apprise`): text to any of the services that it knows, each named by a URL that is its secret."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from monitor.config.alerting import AppriseNotifier
from monitor.model.errors import ConfigError
from monitor.model.extras import how_to_install
from monitor.notify.notification import Notification, NotTaken, PartlyTaken
from monitor.notify.said import CAUSE_MAX, said, secret_parts
from monitor.notify.text import subject, text

MAX_SERVICES = 5  # of one notifier: each may take 8 s, one after the other
MAX_BEGUN = 64  # notifications that not every service has
_TYPES = {"alarm": "failure", "warning": "warning", "info": "info"}  # by severity; what ended is a success


class Apprise:
    """Tells each service in turn; one that has taken a notification is not told it again.

    `marking_of` says how a container is marked, "" for not. Used by one thread, `close` by any.
    """

    def __init__(self, settings: AppriseNotifier, marking_of: Callable[[str], str]) -> None:
        self.place, self._marking_of = settings.name, marking_of
        self._services = _services(settings)
        self._told: dict[str, set[int]] = {}  # which services have a notification, until all have it
        self._is_closed = False

    def send(self, notification: Notification) -> None:
        """Return once every service has taken it; NotTaken or PartlyTaken else."""
        told, faults = self._told.setdefault(notification.id, set()), []
        if len(self._told) > MAX_BEGUN:
            del self._told[next(iter(self._told))]  # the oldest
        wanted = [number for number in range(len(self._services)) if number not in told]
        for number in wanted:
            fault = self._tell(*self._services[number], notification)
            if fault:
                faults.append(fault)
            else:
                told.add(number)
        if faults:  # who ends has to tell the others after the next start
            kind = PartlyTaken if len(faults) < len(wanted) and not self._is_closed else NotTaken
            raise kind("notify: apprise", self.place, "; ".join(faults)[:CAUSE_MAX])
        del self._told[notification.id]

    def reach(self) -> None:
        """Return: Apprise cannot ask a service without telling somebody; that its URLs can be read is known by now."""

    def close(self) -> None:
        """Take no others; a service that is being told has its answer's 4 s."""
        self._is_closed = True

    def _tell(self, url: str, service: Any, notification: Notification) -> str:
        """Why the service did not take it, "" when it did."""
        is_over = notification.reason == "cleared" and not notification.firing
        kind = "success" if is_over else _TYPES[notification.severity]
        body, title = text(notification, self._marking_of), subject(notification)
        with _words() as words:
            try:
                is_told = not self._is_closed and service.notify(body=body, title=title, notify_type=kind)
            except Exception as error:  # noqa: BLE001 - one service's plugin, of others' making, keeps nothing from the rest
                is_told = False
                words.append(type(error).__name__)
        hidden = secret_parts(url.partition(":")[2])
        return "" if is_told else f"{service.service_name} did not take it: {said(' '.join(words), hidden)}"


def _services(settings: AppriseNotifier) -> list[tuple[str, Any]]:
    """URL and service of each line of the secret; ConfigError, which never shows them, when one cannot be used."""
    if importlib.util.find_spec("apprise") is None:
        raise ConfigError("notify: apprise", settings.name, "apprise is not installed", how_to_install("apprise"))
    import apprise

    logging.getLogger("apprise").propagate = False  # what it says of a URL may show it
    urls = [line.strip() for line in (settings.secret() or "").splitlines() if line.strip()]
    if not 0 < len(urls) <= MAX_SERVICES:
        raise ConfigError("notify: apprise", settings.name, f"expected 1 to {MAX_SERVICES} URLs, got {len(urls)}")
    with _words():
        services = [apprise.Apprise.instantiate(url) for url in urls]
    for number, service in enumerate(services, 1):
        if service is None:
            cause = f"expected a URL of a service that Apprise knows, line {number} of the secret is none"
            raise ConfigError("notify: apprise", settings.name, cause, "try it with: apprise -vv -t test -b test URL")
    return list(zip(urls, services, strict=True))


@contextmanager
def _words() -> Iterator[list[str]]:
    """What Apprise says meanwhile in this thread, which it only tells its logger."""
    words: list[str] = []
    me = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == me:
                words.append(record.getMessage())

    logger, listener = logging.getLogger("apprise"), Listener(logging.WARNING)
    logger.addHandler(listener)
    try:
        yield words
    finally:
        logger.removeHandler(listener)
