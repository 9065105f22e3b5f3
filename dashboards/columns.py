"""Columns of tables: what one has of its own, their order, and rows put together of several."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, ValueMapping

from dashboards.units import grafana_unit


def column(
    *,
    name: str = "",
    unit: str = "",
    link: tuple[str, str] | None = None,
    mappings: list[ValueMapping] | None = None,
    width: int | None = None,
) -> list[DynamicConfigValue]:
    """What a single column or series has of its own, for `override_by_name`; `link` is (title, address)."""
    properties: list[tuple[str, object]] = []
    if name:
        properties.append(("displayName", name))
    if unit:
        properties.append(("unit", grafana_unit(unit)))
    if link is not None:
        properties.append(("links", [{"title": link[0], "url": link[1], "targetBlank": False}]))
    if mappings is not None:
        coloured = {"type": "color-text"}
        properties += [("mappings", [mapping.to_json() for mapping in mappings]), ("custom.cellOptions", coloured)]
    if width is not None:
        properties.append(("custom.width", width))
    return [DynamicConfigValue(id_val=key, value=value) for key, value in properties]


def arranged(order: Sequence[str], hidden: Sequence[str] = ("Time",)) -> DataTransformerConfig:
    """A table's columns in this order, without the hidden ones."""
    options = {"indexByName": {name: place for place, name in enumerate(order)}, "renameByName": {}}
    return DataTransformerConfig("organize", options={**options, "excludeByName": dict.fromkeys(hidden, True)})


def newest_of(key: str, by: str, fields: Sequence[str], without: tuple[str, str]) -> list[DataTransformerConfig]:
    """Of a table's rows for each `key` that with the largest `by`, but for those whose `without[0]` is `without[1]`."""
    field, value = without
    newest: dict[str, object] = {key: {"operation": "groupby", "aggregations": []}}
    newest |= {name: {"operation": "aggregate", "aggregations": ["first"]} for name in fields}
    is_value = {"fieldName": f"{field} (first)", "config": {"id": "equal", "options": {"value": value}}}
    names = {f"{name} (first)": name for name in fields}
    order = {name: place for place, name in enumerate(names)}
    shown = {"indexByName": order, "renameByName": names, "excludeByName": {key: True}}
    return [
        DataTransformerConfig("sortBy", options={"fields": {}, "sort": [{"field": by, "desc": True}]}),
        DataTransformerConfig("groupBy", options={"fields": newest}),
        DataTransformerConfig("filterByValue", options={"filters": [is_value], "type": "exclude", "match": "any"}),
        DataTransformerConfig("organize", options=shown),
    ]


def merged() -> DataTransformerConfig:
    """The answers of several queries, or of several series, as one table."""
    return DataTransformerConfig("merge", options={})
