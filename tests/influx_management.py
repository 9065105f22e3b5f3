"""InfluxDB 2 and 3 as far as `tcm store init` asks them, after their published interfaces, in front of InfluxDB 1.

Neither is to be had here; what they do with points is InfluxDB 1's.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.influx_gateway import Gateway

Reply = tuple[int, dict[str, str], bytes]
ADMIN = "admin-token"
ORG_ID = "0a00000000000001"


class Management(Gateway):
    """What it has is in `buckets` and `mappings` (v2) and `databases` (v3); only `ADMIN` may make any."""

    version = "v2.7.11"

    def __init__(self, backend_port: int, org: str, bucket: str, token: str) -> None:
        super().__init__(backend_port, org, bucket, token)
        self.buckets: dict[str, dict[str, Any]] = {}
        self.mappings: list[dict[str, Any]] = []
        self.databases: dict[str, str | None] = {}  # and how long each keeps its points
        self.made: list[str] = []  # path of each request that made or changed something

    def reply(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        parts = urlsplit(target)
        names = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/ping":
            said = {"X-Influxdb-Version": self.version, "X-Influxdb-Build": "OSS"}
            return (200, said, b'{"product_name": "InfluxDB 3 Core"}') if self._is_3 else (204, said, b"")
        token = headers.get("Authorization", "").removeprefix("Token ")
        if token not in (ADMIN, self.token):
            return 401, {}, b'{"code": "unauthorized", "message": "unauthorized access"}'
        if parts.path in ("/api/v2/write", "/query"):
            return self._points(method, target, names, headers, body)
        if token != ADMIN:
            return 403, {}, b'{"code": "forbidden", "message": "insufficient permissions"}'
        if method in ("POST", "PATCH"):
            self.made.append(parts.path)
        answer = self._answer(method, parts.path, names, json.loads(body or b"{}"))
        return (404, {}, b'{"code": "not found"}') if answer is None else (200, {}, json.dumps(answer).encode())

    def _points(self, method: str, target: str, names: dict[str, str], headers: dict[str, str], body: bytes) -> Reply:
        if self._is_3 and body.startswith(b"#"):  # whether there is such a database or not, which writing would make
            return 400, {}, b'{"error": "incoming write was empty"}'
        if not self._is_3 and names.get("org", self.org) != self.org:
            said = {"code": "not found", "message": f'organization name "{names["org"]}" not found'}
            return 404, {}, json.dumps(said).encode()
        name = names.get("bucket") or names.get("db") or ""
        written, read = {*self.buckets, *self.databases}, {one["database"] for one in self.mappings} | {*self.databases}
        if name not in (read if "db" in names else written):
            return 404, {}, json.dumps({"code": "not found", "message": f'bucket "{name}" not found'}).encode()
        self.bucket = name
        return super().reply(method, target, headers | {"Authorization": f"Token {self.token}"}, body)

    @property
    def _is_3(self) -> bool:
        return self.version.startswith("3")

    def _make_behind(self, name: str) -> None:
        self._forward("POST", "/query?" + urlencode({"q": f'CREATE DATABASE "{name}"'}), None, b"")

    def _answer(self, method: str, path: str, names: dict[str, str], body: dict[str, Any]) -> Any:
        match method, path:
            case "GET", "/api/v2/orgs":
                return {"orgs": [{"id": ORG_ID}]} if names["org"] == self.org else None
            case "GET", "/api/v2/buckets":
                return {"buckets": [self.buckets[names["name"]]]} if names["name"] in self.buckets else None
            case "POST", "/api/v2/buckets":
                assert body["orgID"] == ORG_ID
                self._make_behind(body["name"])
                self.buckets[body["name"]] = body | {"id": f"0b{len(self.buckets):014}"}
                return self.buckets[body["name"]]
            case "GET", "/api/v2/dbrps":
                return {"content": [one for one in self.mappings if one["database"] == names["db"]]}
            case "POST", "/api/v2/dbrps":
                self.mappings.append(body)
                return body
            case "GET", "/api/v3/configure/database":
                return [{"iox::database": name} for name in self.databases]
            case "POST", "/api/v3/configure/database":
                self._make_behind(body["db"])
                self.databases[body["db"]] = body.get("retention_period")
                return {}
            case "PATCH", _:
                bucket = next(one for one in self.buckets.values() if path.endswith(one["id"]))
                bucket.update(body)
                return bucket
        return None
