"""InfluxQL queries as Grafana's SDK knows the queries of other data sources: it has none for InfluxDB itself.

Grafana replaces `$timeFilter` by the dashboard's time range, `$__interval` by the width of a pixel (at least the
panel's interval) and `${container:regex}` by the variable's values, quoted, as (A|B) where several are chosen: so a
variable stands in `=~ /^${container:regex}$/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from grafana_foundation_sdk.cog import builder, runtime, variants
from grafana_foundation_sdk.models.common import DataSourceRef

KIND = "influxdb"  # Grafana's id of the data source plugin
SOURCE = DataSourceRef(type_val=KIND, uid="${source}")  # the dashboard's variable, never one installation's id
ANNOTATION_COLUMNS = ("titleColumn", "textColumn", "tagsColumn", "timeEndColumn")

Format = Literal["time_series", "table"]


@dataclass(frozen=True)
class Query(builder.Builder[variants.Dataquery], variants.Dataquery):
    """One InfluxQL text and how Grafana is to take its answer; `alias` names a series ($tag_logger, $col, $m).

    `columns` is of annotations only: which column of the answer is title, text, tags and end.
    """

    text: str
    alias: str = ""
    format: Format = "time_series"
    ref: str = "A"
    columns: dict[str, str] = field(default_factory=dict)

    def build(self) -> Self:
        """Itself: the SDK takes queries as builders."""
        return self

    def named(self, ref: str) -> Self:
        """The same query by another letter within its panel."""
        return replace(self, ref=ref)

    def to_json(self) -> dict[str, object]:
        """The query as it stands in a dashboard."""
        content: dict[str, object] = {
            "refId": self.ref,
            "datasource": SOURCE.to_json(),
            "query": self.text,
            "rawQuery": True,
            "resultFormat": self.format,
        }
        if self.alias:
            content["alias"] = self.alias
        return content | self.columns | ({"fromAnnotations": True, "queryType": "tags"} if self.columns else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What `to_json` gave; KeyError when it is no query of ours."""
        columns = {name: data[name] for name in ANNOTATION_COLUMNS if name in data}
        return cls(data["query"], data.get("alias", ""), data["resultFormat"], data["refId"], columns)


def register() -> None:
    """Tell the SDK how to read queries of InfluxDB from JSON."""
    runtime.register_dataquery_variant(runtime.DataqueryConfig(KIND, Query.from_json))


def series(text: str, alias: str) -> Query:
    """A query whose answer is drawn over time, a series for each set of tags."""
    return Query(_one_line(text), alias)


def table(text: str) -> Query:
    """A query whose answer is shown as rows; tags of GROUP BY become columns."""
    return Query(_one_line(text), format="table")


def annotation(text: str, *, title: str, words: str, tags: tuple[str, ...] = ()) -> Query:
    """A query whose rows are marks on the time axis: its columns for title, text and tags by name."""
    columns = {"titleColumn": title, "textColumn": words, "tagsColumn": ",".join(tags)}
    return Query(_one_line(text), format="table", ref="Anno", columns=columns)


def _one_line(text: str) -> str:
    return " ".join(text.split())
