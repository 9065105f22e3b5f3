"""What `tcm store init` makes on the server: databases or buckets, mappings, retention, and the table of copies.

Everything is looked at first and made only where it is missing, so that it may be run again at any time. Nothing is
ever deleted; a retention is shortened, which drops points, only where that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from monitor.config import StoreSettings
from monitor.model.batch import Points
from monitor.model.clock import NS_PER_S
from monitor.model.errors import TcmError
from monitor.sinks.influx import InfluxSink
from monitor.sinks.influx_client import InfluxClient
from monitor.sinks.influxql import kept_ns, quoted, read_policies
from monitor.sinks.server import Server

COPIES = "copies"
RAW_RANGE_MAX_MS = 2 * 86_400_000  # above it a point of a panel, 1 500 wide, is 2 min or more: minutes are fine enough
RANGE_MAX_MS = 9e15  # longer than any
# 2200-01-01: points of the past would be dropped, or refused, by the retention of the database they stand in.
COPIES_NS = 7_258_118_400 * NS_PER_S
_S_PER_DAY = 86_400
_POLICY = "autogen"  # v2: the name that InfluxDB 1 gives to the default one


class Step(NamedTuple):
    """What was looked at, such as `database tcm`, and what was done with it."""

    what: str
    done: str


class Space(NamedTuple):
    """A database or bucket and how long it keeps its points, None for ever."""

    name: str
    retention_s: float | None


def spaces_of(settings: StoreSettings) -> list[Space]:
    """The databases or buckets of a configuration: that of the readings, and that of the copy where there is one."""
    spaces = [Space(settings.name, settings.retention_s)]
    if settings.copy_name is not None:
        spaces.append(Space(settings.copy_name, settings.long_retention_s))
    return spaces


def set_up(sink: InfluxSink, server: Server, settings: StoreSettings, *, may_shorten: bool = False) -> Iterator[Step]:
    """Make what is missing, step by step.

    Raises SinkError when the server refuses a step; TcmError when it is the wrong server, or a retention would be
    shortened. The steps before it are done, and stand when it is run again.
    """
    fault = server.dialect_fault(settings.dialect or "")
    if fault or not server.is_supported:
        raise TcmError("set up the store", settings.url or "", fault or f"{server.text} is not supported")
    if server.product == "VictoriaMetrics":
        yield Step("VictoriaMetrics", "nothing to make: it has no databases, and -retentionPeriod says what it keeps")
        return
    for space in spaces_of(settings):
        try:
            yield from _make(sink.client, server, settings, space, may_shorten)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            cause = f"an answer that is none of {server.text}'s ({type(error).__name__}: {error})"
            raise sink.client.held(f"set up {space.name}", cause, "what stands between here and the server?") from error
    sink.write(sink.prepare([copies(settings)]))
    yield Step(f"table {COPIES}", f"written, {settings.copy_name or 'no copy'} for long ranges")


def _make(
    client: InfluxClient, server: Server, settings: StoreSettings, space: Space, may_shorten: bool
) -> Iterator[Step]:
    if settings.dialect == "v1":
        yield from _database(client, space, may_shorten)
    elif server.major == 3:
        yield from _database_3(client, space)
    else:
        yield from _bucket(client, settings.org or "", space, may_shorten)


def copies(settings: StoreSettings) -> Points:
    """Which database or bucket to read for which length of time range, for dashboards: the same points each time."""
    return Points(
        key=0,
        measurement=COPIES,
        tags=(),
        times_ns=COPIES_NS + np.arange(2, dtype=np.int64),
        fields={
            "database": [settings.name, settings.copy_name or settings.name],
            "from_ms": np.array([0, RAW_RANGE_MAX_MS], np.float64),
            "to_ms": np.array([RAW_RANGE_MAX_MS, RANGE_MAX_MS], np.float64),
        },
    )


def _database(client: InfluxClient, space: Space, may_shorten: bool) -> Iterator[Step]:
    """A database of InfluxDB 1 and the retention of its default policy."""
    what, name = f"database {space.name}", quoted(space.name)
    change = partial(client.query, space.name, method="POST")
    if space.name not in client.databases(space.name):
        duration = f" WITH DURATION {_whole_s(space)}s" if space.retention_s else ""
        change(f'CREATE DATABASE "{name}"{duration}')
        yield Step(what, f"made, {_kept(space.retention_s)}")
        return
    policies = read_policies(partial(client.query, space.name), space.name)
    default, done = next((one for one in policies if one["default"]), None), "stands"
    if default is None:  # somebody dropped it, or the server makes none by itself: nothing can be written
        default, done = _made_default(change, name, space, policies), "its retention policy made"
    standing_s = kept_ns(default) / NS_PER_S or None
    if not _is_other(space, standing_s, may_shorten):
        yield Step(what, f"{done}, {_kept(standing_s)}")
        return
    # A shard may not be longer than the retention: 0s has the server choose anew.
    policy = f'RETENTION POLICY "{quoted(default["name"])}" ON "{name}"'
    change(f"ALTER {policy} DURATION {_whole_s(space)}s SHARD DURATION 0s")
    yield Step(what, f"changed, {_kept(space.retention_s)} (was {_kept(standing_s)})")


def _made_default(
    change: Callable[[str], object], name: str, space: Space, policies: list[dict[str, Any]]
) -> dict[str, Any]:
    """The default policy of a database without one: that of the usual name as it stands, else one as configured."""
    policy = f'RETENTION POLICY "{_POLICY}" ON "{name}"'
    for standing in policies:
        if standing["name"] == _POLICY:
            change(f"ALTER {policy} DEFAULT")
            return standing
    duration = f"{_whole_s(space)}s"  # 0s: for ever
    change(f"CREATE {policy} DURATION {duration} REPLICATION 1 DEFAULT")
    return {"name": _POLICY, "duration": duration}


def _bucket(client: InfluxClient, org: str, space: Space, may_shorten: bool) -> Iterator[Step]:
    """A bucket of InfluxDB 2, its retention, and the mapping by which InfluxQL finds it."""
    what = f"bucket {space.name}"
    found = _listed(client, "/api/v2/buckets", [("org", org), ("name", space.name)], "buckets")
    bucket = next((one for one in found if one["name"] == space.name), None)
    rules = [{"type": "expire", "everySeconds": _whole_s(space)}] if space.retention_s else []
    if bucket is None:
        organisation = _listed(client, "/api/v2/orgs", [("org", org)], "orgs")
        if not organisation:
            raise TcmError("set up the store", org, "there is no such organisation", "make it, or correct store.org")
        body = {"orgID": organisation[0]["id"], "name": space.name, "retentionRules": rules}
        bucket = client.request("make", "/api/v2/buckets", "POST", [], body).data
        yield Step(what, f"made, {_kept(space.retention_s)}")
    else:
        standing_s = sum(int(rule["everySeconds"]) for rule in bucket.get("retentionRules") or ()) or None
        if _is_other(space, standing_s, may_shorten):
            client.request("make", f"/api/v2/buckets/{bucket['id']}", "PATCH", [], {"retentionRules": rules})
            yield Step(what, f"changed, {_kept(space.retention_s)} (was {_kept(standing_s)})")
        else:
            yield Step(what, f"stands, {_kept(standing_s)}")
    yield _mapping(client, org, bucket)


def _mapping(client: InfluxClient, org: str, bucket: dict[str, Any]) -> Step:
    """The mapping of a database of the bucket's own name to it. One that the server made by itself is as good."""
    name, what = bucket["name"], f"mapping of database {bucket['name']}"
    for one in _listed(client, "/api/v2/dbrps", [("org", org), ("db", name)], "content"):
        if one["default"] and one["bucketID"] != bucket["id"]:
            cause = f"it leads to another bucket, {one['bucketID']}"
            raise TcmError("set up the store", what, cause, "delete it: influx v1 dbrp delete")
        if one["default"]:
            return Step(what, "stands")
    body = {
        "orgID": bucket["orgID"],
        "bucketID": bucket["id"],
        "database": name,
        "retention_policy": _POLICY,
        "default": True,
    }
    client.request("make", "/api/v2/dbrps", "POST", [], body)
    return Step(what, "made")


def _database_3(client: InfluxClient, space: Space) -> Iterator[Step]:
    """A database of InfluxDB 3, whose retention is what it was made with."""
    what = f"database {space.name}"
    path = "/api/v3/configure/database"
    listed = client.request("list", path, "GET", [("format", "json")]).data
    if any(space.name in one.values() for one in listed):
        yield Step(what, "stands; InfluxDB 3 keeps for as long as it was made to")
        return
    body = {"db": space.name} | ({"retention_period": f"{_whole_s(space)}s"} if space.retention_s else {})
    client.request("make", path, "POST", [], body)
    yield Step(what, f"made, {_kept(space.retention_s)}")


def _listed(client: InfluxClient, path: str, names: list[tuple[str, str]], key: str) -> list[dict[str, Any]]:
    """What a listing of InfluxDB 2 holds, which may say of a name that is not there that it is not found."""
    answer = client.request("list", path, "GET", names, missing={key: []}).data
    found: list[dict[str, Any]] = answer.get(key) or []
    return found


def _is_other(space: Space, standing_s: float | None, may_shorten: bool) -> bool:
    """Whether the retention has to be changed; one that is not configured stays as it is.

    TcmError when points would be dropped by it that nobody has said may go.
    """
    if space.retention_s is None or _whole_s(space) == standing_s:
        return False
    if not may_shorten and (standing_s is None or space.retention_s < standing_s):
        cause = f"it is {_kept(standing_s)}, by the configuration {_kept(space.retention_s)}: older points would go"
        raise TcmError("set up the store", space.name, cause, "say --shorten if that is meant")
    return True


def _whole_s(space: Space) -> int:
    return round(space.retention_s or 0)


def _kept(retention_s: float | None) -> str:
    return f"kept for {retention_s / _S_PER_DAY:g} d" if retention_s else "kept for ever"
