"""Schemas of what the daemon says of itself and of containers."""

from __future__ import annotations

from monitor.web.openapi.of_alerts import SEVERITY
from monitor.web.openapi.words import (
    Schema,
    flag,
    list_of,
    map_of,
    maybe,
    number,
    one_of,
    ref,
    table,
    text,
    time,
    whole,
)

LOGGER = table(
    {
        "container": text("it reports from"),
        "logger": text("its id"),
        "registered": flag("whether the container's file names it"),
        "serial": maybe(text("by its container's file, or else as it says itself")),
        "other_serial": maybe(text("as it says itself, where its container's file has another")),
        "state": maybe(text("online, sleeping, offline; null before its first status")),
        "armed": maybe(flag("whether the logger itself records for the journey")),
        "battery_pct": maybe(number("of its battery")),
        "memory_pct": maybe(number("of its memory in use")),
        "last_seen_at": maybe(time("when something came of it")),
        "boot": maybe(whole("the present one")),
        "upto": whole("sequence number up to which nothing is missing; -1 before the first"),
        "next": whole("sequence number of its next record"),
        "gap_records": whole("records that are missing"),
        "clock": maybe(whole("0 unset, 1 free running, 2 synchronised")),
        "waiting": whole("records that cannot be placed in time yet"),
    }
)
INGEST = table(
    {
        "connected": flag("whether both MQTT sessions are subscribed"),
        "records": whole("records of loggers in the journal"),
        "records_per_s": number("over the last 10 s"),
        "queue": whole("messages that wait for the journal"),
        "duplicates": whole("deliveries that were journalled before"),
        "dropped": whole("messages not taken from the network"),
    }
)
CONSUMER = table(
    {
        "pos": whole("how far it is"),
        "backlog": whole("how much there is before it"),
        "lag_s": number("how long something has waited for it"),
        "unreadable": whole("records passed over; of watch only"),
    },
    optional=("unreadable",),
)
JOURNAL = table(
    {
        "pos": whole("of the last record"),
        "bytes": whole("of journal.db and its WAL"),
        "head": text("end of the hash chain"),
        "used_bytes": whole("of pages in use"),
    }
)
CONDITION = table({key: text("of what somebody has to see") for key in ("rule", "container", "logger", "text")})
NOTIFIER = table(
    {
        "name": text("in the configuration"),
        "kind": text("of its receiver"),
        "pos": whole("number of the change of an alert up to which it has told what is due"),
        "backlog": whole("changes and notifications before it"),
        "failing_since": maybe(time("since when its receiver takes nothing")),
        "problem": text("why; empty while it takes them"),
        "told": whole("notifications that were taken"),
        "refused": whole("notifications that its receiver will never take"),
    }
)
COUNT = whole("how many")
STANDING = {
    "phase": text("in which it is"),
    "custodian": maybe(text("party that has custody")),
    "armed": flag("whether alerts have their rule's severity; else they are raised as info"),
    "disarmed": maybe(
        table(
            {
                "by": maybe(text("who disarmed it; null where its file does")),
                "since": maybe(time("since when; null where its file does")),
                "until": maybe(time("when it is armed again; null where nobody has said")),
            }
        )
    ),
    "starting_until": maybe(time("end of the start-up of its loggers; null where they are not starting up")),
    "silences": list_of(ref("Silence")),
}
STATUS = table(
    {
        "instance": text("name of the gateway"),
        "state": one_of(("ready", "degraded"), "degraded while there are problems"),
        "problems": map_of(text("what is wrong"), "what does not move, by part"),
        "ingest": INGEST,
        "consumers": map_of(CONSUMER, "how far each is, by name"),
        "budget_bytes": number("what journal.db may come to"),
        "stalled": map_of(flag("whether it is stuck"), "by part"),
        "conditions": list_of(CONDITION),
        "provisional": list_of(text("container that will be judged again once nothing is missing")),
        "started_anew": map_of(list_of(text("id of the rule")), "by profile: rules that a change had start anew"),
        "unknown_channels": list_of(text("channel")),
        "kernel": text("what works out spectra: compiled or numpy"),
        "journal": JOURNAL,
        "quarantined": COUNT,
        "gaps": map_of(COUNT, "records by what is known of them: open, requested, filled, lost"),
        "loggers": list_of(LOGGER),
        "alerts": map_of(COUNT, "open alerts by state"),
        "phases": map_of(text("phase"), "by container"),
        "containers": map_of(table(STANDING), "how each stands"),
        "notifiers": list_of(NOTIFIER),
    }
)
CONTAINER = table(
    {
        "container": text("its id"),
        "title": text("what it holds, in words"),
        "registered": flag("whether there is a file of it"),
        "marking": maybe(text("printed on everything that leaves")),
        "consignment": maybe(text("that it travels in")),
        "limits": text("name of the profile that it is watched under"),
        **STANDING,
        "alerts": table(dict.fromkeys(SEVERITY["enum"], COUNT), "open alerts by severity"),
    }
)
PHASES = table(
    {
        "container": text("its id"),
        "phase": text("in which it is"),
        "since": maybe(time("since when; null where it never was another")),
        "by": maybe(text("who said so; null where the plan does")),
        "records": list_of(ref("OperatorRecord")),
    }
)
SCHEMAS: dict[str, Schema] = {
    "Status": STATUS,
    "Ready": table({"ready": flag("every part moves"), "parts": map_of(text("what is wrong"), "problems by part")}),
    "Container": CONTAINER,
    "Phases": PHASES,
    "Imported": table(
        {"records": whole("that it became"), "readings": whole("in them"), "events": whole("of shock in them")}
    ),
    "Reloaded": table(
        {
            "changed": flag("whether the rules are others now"),
            "pos": maybe(whole("position in the journal from which they are in force")),
            "digest": text("SHA-256 of the rules in force"),
            "restart": list_of(text("key of monitor.toml whose change needs a restart")),
        }
    ),
    "Error": table(
        {
            "error": text("what was tried, why it failed, what to do"),
            "problems": list_of(
                table({key: text("of what is wrong") for key in ("file", "key", "message")}),
                "of a configuration, each by itself",
            ),
        },
        optional=("problems",),
    ),
}
