"""Schemas of operators' records: one for each type, from the keys that the type has."""

from __future__ import annotations

from monitor.model.operator import AT_ENTRY
from monitor.model.operator_keys import ATTACHMENTS, EVERY_TYPE, MAX_ATTACHMENTS, MAX_NAME, MAX_REMARK, RESULTS, TYPES
from monitor.web.openapi.words import Schema, flag, list_of, one_of, ref, table, text, time, whole

GLOB = text("a name, with * ? [ ] for any characters")
OWN_KEYS: dict[str, Schema] = {
    "alert": text("id of the alert"),
    "channel": GLOB,
    "custodian": text("id of the party; plan hands back to the consignment"),
    "kind": text("kind of document"),
    "logger": text("id of the logger; of a silence a glob"),
    "number": text("of the seal or document"),
    "phase": text("id of the phase; plan hands back to the consignment"),
    "place": text("where it is mounted"),
    "result": one_of(RESULTS, "of the check"),
    "rule": GLOB,
    "silence": whole("position of the silence's record in the journal"),
    "until": time("when it ends by itself"),
    ATTACHMENTS: {**list_of(ref("Attachment")), "maxItems": MAX_ATTACHMENTS},
}
SINCE = {"effective_at": time("since when it holds; by default now")}
REQUEST_KEYS: dict[str, Schema] = {
    "by": text("name of who enters it", minLength=1, maxLength=MAX_NAME),
    "remark": text("why, one line", maxLength=MAX_REMARK),
}
NEW = {"new": flag("enter it although nobody planned such a name")}
OPTIONAL = {"effective_at", "remark", "new"}
MAY_LACK_CONTAINER = ("ack", "silence-end")  # these have that of the alert or silence


def _request(kind: str) -> Schema:
    """What is asked for in order to enter a record of this type."""
    own = {**TYPES[kind], **EVERY_TYPE}
    optional = OPTIONAL | {name for name, key in own.items() if not key.is_required}
    properties = {
        "type": {"const": kind},
        "container": text("id of the container"),
        **{name: OWN_KEYS[name] for name in own},
        **({} if kind in AT_ENTRY else SINCE),
        **REQUEST_KEYS,
        **NEW,
    }
    made = table(properties, optional=optional | ({"container"} if kind in MAY_LACK_CONTAINER else set()))
    return {"title": kind, **made, "additionalProperties": False}


RECORD: dict[str, Schema] = {
    "pos": whole("position in the journal"),
    "type": one_of(TYPES, "what happened"),
    "container": text("id of the container; - for the gateway itself"),
    **OWN_KEYS,
    "effective_at": time("since when it holds"),
    "entered_at": time("when it was entered"),
    "by": text("name of who entered it"),
    "remark": text("why, may be empty"),
}
ENTERED = {"warnings": list_of(text("what is probably worth a second look"))}
SILENCE: dict[str, Schema] = {
    "state": one_of(("planned", "active", "over"), "now"),
    "ends_at": time("when it ends: as it says itself, or as somebody ended it"),
}
OF_TYPE = "A record as it stands in the journal; its type says which of the keys of its own it has."
SCHEMAS: dict[str, Schema] = {
    "OperatorRequest": {"oneOf": [_request(kind) for kind in TYPES]},
    "OperatorRecord": table(RECORD, OF_TYPE, optional=OWN_KEYS),
    "Entered": table({**RECORD, **ENTERED}, OF_TYPE, optional=OWN_KEYS),
    "Silence": table({**RECORD, **SILENCE}, OF_TYPE, optional=OWN_KEYS),
    "AckRequest": {
        **table({**REQUEST_KEYS, ATTACHMENTS: OWN_KEYS[ATTACHMENTS]}, optional=(*OPTIONAL, ATTACHMENTS)),
        "additionalProperties": False,
    },
    "Attachment": table(
        {
            "name": text("of the file, without folders", maxLength=MAX_NAME),
            "sha256": text("64 hex digits", pattern="^[0-9a-f]{64}$"),
            "bytes": whole("its length", minimum=0),
        }
    ),
}
