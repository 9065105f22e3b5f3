"""A page: its variables, the marks on its time axis, and the links between the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    Panel,
    RowPanel,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.limits import COLOURS
from dashboards.parts import WIDTH
from dashboards.query import KIND, SOURCE, annotation

TAG = "tcm"
FLEET, CONTAINER, SHOCK, EXPOSURE, MONITOR = "tcm-fleet", "tcm-container", "tcm-shock", "tcm-exposure", "tcm-monitor"

# For WHERE, beside $timeFilter; as a variable may have several values, or all, it stands in a regular expression, and
# as a value may have a dot, it is quoted for one.
OF_CONSIGNMENT = '"consignment" =~ /^${consignment:regex}$/'
OF_CONTAINER = '"container" =~ /^${container:regex}$/'
# Raw: some versions of Grafana take what stands between the slashes of two regular expressions for a part of one.
COPY = '"${copy:raw}"'
OF_LOGGER = f'{OF_CONTAINER} AND "logger" =~ /^${{logger:regex}}$/'
# How things stood at the end of the time range; what is told every minute was told within the day before, or is dead.
AT_END = "time > ${__to}ms - 1d AND time <= ${__to}ms"


class Page(Dashboard):
    """A dashboard whose panels go from left to right and wrap; the SDK would put what does not fit beyond the edge."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._x = self._y = self._bottom = 0

    def with_panel(self, panel: builder.Builder[Panel]) -> Self:
        """Add a panel beside the last one, below where there is no room for its width."""
        built = panel.build()
        width, height = _size(built)
        if self._x + width > WIDTH:
            self._x, self._y = 0, self._bottom
        built.grid_pos = GridPos(x=self._x, y=self._y, w=width, h=height)
        self._x, self._bottom = self._x + width, max(self._bottom, self._y + height)
        self._add(built)
        return self

    def with_row(self, row_panel: builder.Builder[RowPanel]) -> Self:
        """Add a heading below everything."""
        built = row_panel.build()
        built.grid_pos = GridPos(x=0, y=self._bottom, w=WIDTH, h=1)
        self._x, self._bottom = 0, self._bottom + 1
        self._y = self._bottom
        self._add(built)
        return self

    def _add(self, built: Panel | RowPanel) -> None:
        panels = self._internal.panels or []
        built.id_val = len(panels) + 1  # Grafana would give it one, another each time: links to a panel name it
        self._internal.panels = [*panels, built]


def _size(panel: Panel) -> tuple[int, int]:
    """Width and height of a panel, as `parts.panel` gave them to it."""
    if panel.grid_pos is None:
        raise ValueError(f"place panel {panel.title}: it has no size: make it by parts.panel")
    return panel.grid_pos.w, panel.grid_pos.h


def page(uid: str, title: str, question: str, *, span: str = "now-24h", refresh: str = "1m") -> Page:
    """An empty page that answers `question`, with the variable of the data source and links to the other pages."""
    # Side by side: the SDK puts links into the menu of controls, where newer Grafanas show no dropdown.
    others = DashboardLink("Pages").type(DashboardLinkType.DASHBOARDS).tags([TAG]).include_vars(True).keep_time(True)
    return (
        Page(title)
        .uid(uid)
        .description(question)
        .tags([TAG])
        .readonly()
        .timezone("utc")  # the loggers', the alerts' and the report's times are UTC
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time(span, "now")
        .refresh(refresh)
        .link(others)
        .with_variable(DatasourceVariable("source").label("Data source").type(KIND))
    )


def consignment_variable() -> QueryVariable:
    """`$consignment`: which consignments' containers; "-" is that of containers without one."""
    text = 'SHOW TAG VALUES FROM "container" WITH KEY = "consignment"'
    return _variable("consignment", "Consignment", text, "whose containers are shown")


def container_variable(*, several: bool = False) -> QueryVariable:
    """`$container`: one of the consignment's containers, or several."""
    text = f'SHOW TAG VALUES FROM "container" WITH KEY = "container" WHERE {OF_CONSIGNMENT}'
    return _variable("container", "Container", text, "which container is shown", several=several)


def logger_variable() -> QueryVariable:
    """`$logger`: all or some of the container's loggers."""
    text = f'SHOW TAG VALUES FROM "logger" WITH KEY = "logger" WHERE {OF_CONTAINER}'
    return _variable("logger", "Logger", text, "which of the container's loggers are shown")


def copy_variable() -> QueryVariable:
    """`$copy`: where readings of the time range are, the database itself or for long ranges its copy by the minute.

    Grafana knows `$__range_ms` for other data sources only: so it is the difference of the range's ends.
    """
    width_ms = "$__to - $__from"
    text = f'SELECT "database" FROM "copies" WHERE {width_ms} > "from_ms" AND {width_ms} <= "to_ms"'
    about = "the database for short ranges, its copy by the minute for long ones"
    return hidden_variable("copy", text, about)


def hidden_variable(name: str, text: str, about: str) -> QueryVariable:
    """A variable that nobody chooses: the first row of a query, asked anew with the time range."""
    return (
        QueryVariable(name)
        .description(about)
        .query(text)
        .definition(text)
        .datasource(SOURCE)
        .hide(VariableHide.HIDE_VARIABLE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _variable(name: str, label: str, text: str, about: str, *, several: bool = True) -> QueryVariable:
    variable = (
        QueryVariable(name)
        .label(label)
        .description(about)
        .query(text)
        .definition(text)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
    )
    if not several:
        return variable
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).current(everything)


def journey_marks() -> list[AnnotationQuery]:
    """All marks of a container's journey: its alerts, its phases, legs and custodians, what operators told."""
    stages = mark(
        "journey",
        f'SELECT "text", "phase", "leg", "custodian" FROM "journey" WHERE $timeFilter AND {OF_CONTAINER}',
        colour="gray",
        title="phase",
        words="text",
        tags=("leg", "custodian"),
    )
    operators = mark(
        "operators",
        f'SELECT "text", "type", "by" FROM "operator" WHERE $timeFilter AND {OF_CONTAINER}',
        colour="purple",
        title="type",
        words="text",
        tags=("by",),
    )
    return [*alert_marks(), stages, operators]


def alert_marks(where: str = OF_CONTAINER) -> list[AnnotationQuery]:
    """Marks of the alerts that the notifiers told, a list for each severity so that each has its colour."""
    return [
        mark(
            f"{severity}s" if severity != "info" else severity,
            f"""SELECT "message", "rule", "logger", "state" FROM "alert"
                WHERE $timeFilter AND {where} AND "severity" = '{severity}' AND "state" =~ /^(firing|cleared)$/""",
            colour=COLOURS[severity],
            title="rule",
            words="message",
            tags=("logger", "state"),
            shown=severity != "info",
        )
        for severity in ("alarm", "warning", "info")
    ]


def mark(
    name: str, text: str, *, colour: str, title: str, words: str, tags: tuple[str, ...] = (), shown: bool = True
) -> AnnotationQuery:
    """Rows of a query as marks on the time axis of all panels; the operator may hide each list."""
    query = annotation(text, title=title, words=words, tags=tags)
    return AnnotationQuery().name(name).datasource(SOURCE).enable(shown).icon_color(colour).target(query)


def data_link(title: str, url: str) -> DashboardLink:
    """A link of a panel's values, `url` by `address`."""
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url)


def address(uid: str, variables: Sequence[tuple[str, str]] = (), *, keep_time: bool = True) -> str:
    """Where a page is, for links of values: the data source is kept, the time range too unless said otherwise.

    A value is text of Grafana's own: `${__data.fields.container}` of a table's row, `${__field.labels.logger}` of a
    series, `${container}` of the page, `${__value.time}` of a point (ms).
    """
    time = ["${__url_time_range}"] if keep_time else []
    return f"/d/{uid}?" + "&".join(
        ["${source:queryparam}", *time, *(f"var-{name}={value}" for name, value in variables)]
    )
