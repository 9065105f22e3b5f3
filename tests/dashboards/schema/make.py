"""Grafana's published dashboard schema as JSON Schema: `python tests/dashboards/schema/make.py`, with npm on the path.

Grafana publishes its dashboards' schema as TypeScript, in npm package @grafana/schema (Apache-2.0, Copyright Grafana
Labs). This takes one version of each major that the pages are made for and converts its types, unchanged but for one
thing that Grafana's own front end replaces alike: an annotation's `target` is a query. The files beside this one are
its output, for tests only; they are not part of what is installed.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VERSIONS = {"10": "10.4.19", "11": "11.6.14", "12": "12.4.11"}
CONVERTER = ("ts-json-schema-generator@2.4.0", "typescript@5")
PANELS = ("timeseries", "stat", "statetimeline", "table", "xychart", "barchart", "bargauge", "trend", "text")
LIMIT_S = 300.0
DASHBOARD = """import type {{ AnnotationQuery, Dashboard }} from './{types}';
import type {{ DataQuery }} from '@grafana/schema';
type Mark = Omit<AnnotationQuery, 'target'> & {{ target?: DataQuery & Record<string, unknown> }};
export interface Published {{ it: Omit<Dashboard, 'annotations'> & {{ annotations?: {{ list?: Mark[] }} }} }}"""
PANEL = """import type * as panel from './{types}';
export interface Published {{ {members} }}"""


def main() -> None:
    """Write a file for each major: what a dashboard is, and what each kind of panel takes as options and custom."""
    with tempfile.TemporaryDirectory(prefix="tcm-schema-") as name:
        folder = Path(name)
        (folder / "package.json").write_text("{}")
        _run(folder, "npm", "install", "--silent", *CONVERTER)
        for major, version in VERSIONS.items():
            found = json.dumps(_converted(folder, version), sort_keys=True, separators=(",", ":"))
            (HERE / f"grafana-{major}.json").write_text(found + "\n")


def _converted(folder: Path, version: str) -> dict[str, Any]:
    package = folder / f"schema-{version}"
    package.mkdir()
    archive = _run(package, "npm", "pack", "--silent", f"@grafana/schema@{version}").strip()
    _run(package, "tar", "xzf", archive)
    dist = package / "package" / "dist"
    base = dist / "types" if (dist / "types" / "raw").exists() else dist / "esm"
    _configure(folder, base)
    dashboard = _types(folder, base / "raw" / "dashboard" / "x")
    found = {"dashboard": _schema(folder, DASHBOARD.format(types=dashboard))}
    for kind in PANELS:
        types = _types(folder, base / "raw" / "composable" / kind / "panelcfg" / "x")
        text = (folder / f"{types}.d.ts").read_text()
        parts = (("options", "Options"), ("custom", "FieldConfig"))
        members = "; ".join(f"{key}?: Partial<panel.{type_}>" for key, type_ in parts if f" {type_} " in text)
        found[kind] = _schema(folder, PANEL.format(types=types, members=members))
    return found


def _configure(folder: Path, base: Path) -> None:
    """Where the compiler finds what the types call '@grafana/schema'."""
    paths = {"@grafana/schema": [f"./{(base / 'common' / 'common.gen.d.ts').relative_to(folder)}"]}
    options = {"module": "esnext", "moduleResolution": "bundler", "strict": True, "baseUrl": ".", "paths": paths}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["entry.ts"]}))


def _types(folder: Path, where: Path) -> str:
    return str(next(where.glob("*types.gen.d.ts")).relative_to(folder)).removesuffix(".d.ts")


def _schema(folder: Path, entry: str) -> Any:
    (folder / "entry.ts").write_text(entry)
    options = ("--path", "entry.ts", "--type", "Published", "--no-type-check", "--tsconfig", "tsconfig.json")
    return json.loads(_run(folder, "npx", "ts-json-schema-generator", *options))


def _run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, timeout=LIMIT_S, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
