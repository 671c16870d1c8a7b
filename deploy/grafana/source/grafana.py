"""What all dashboards have in common: Grafana's dashboard model (classic, version 1) in small.

A dashboard is rows of panels, a panel has queries. This module knows how Grafana writes these down;
the others say what is shown and why. Expressions are PromQL with one abbreviation: `$scope` stands
for the matchers of the variables job and instance, which every query has.
"""

from dataclasses import dataclass, field

# The last schema of the classic model. Grafana migrates older ones in the browser.
SCHEMA_VERSION = 42
GRID_COLUMNS = 24
SCOPE = 'job=~"$job", instance=~"$instance"'
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "kstream"

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"


@dataclass
class Query:
    expr: str
    legend: str = ""
    # One value, as of now, instead of a line.
    instant: bool = False
    format: str = "time_series"


@dataclass
class Panel:
    """One panel; shows, normal and otherwise become its description."""

    type: str
    title: str
    unit: str
    queries: list
    shows: str
    normal: str
    otherwise: str
    width: int
    height: int
    defaults: dict = field(default_factory=dict)
    overrides: list = field(default_factory=list)
    options: dict = field(default_factory=dict)
    extra: dict = field(default_factory=dict)


@dataclass
class Row:
    title: str
    panels: list
    # A collapsed row asks nothing of Prometheus until it is opened.
    collapsed: bool = False


@dataclass
class Variable:
    """A variable that Prometheus answers: all by default, or `chosen` to begin with."""

    name: str
    label: str
    query: str
    # What All stands for. It also holds before the first sample is there.
    all_value: str = ".+"
    chosen: tuple = ()


@dataclass
class Annotation:
    name: str
    expr: str
    title: str
    color: str


@dataclass
class Dashboard:
    uid: str
    title: str
    description: str
    rows: list
    variables: list
    annotations: list
    # How often Prometheus asks the targets of this dashboard, when it is less often than the data
    # source says. $__rate_interval is four times as much: rates need two samples at the least.
    scrape_interval: str = ""


# ---- kinds of panels ---------------------------------------------------------------------------


def thresholds(*steps):
    """thresholds(GREEN, (1, RED)): green, and red from 1 on."""
    first, *rest = steps
    return {
        "mode": "absolute",
        "steps": [{"color": first, "value": None}]
        + [{"color": color, "value": value} for value, color in rest],
    }


def stat(title, unit, queries, shows, normal, otherwise, *, levels=None, width=3, height=4,
         mappings=(), decimals=None, graph=True, text="auto"):  # fmt: skip
    """A figure, green or not. Several queries or series: a figure each.

    What has no graph is asked for its last value only; so is what counts over the time shown: as a
    line it would cost a whole range for every point."""
    graph = graph and not any("$__range" in query.expr for query in queries)
    for query in queries:
        query.instant = not graph
    defaults = {"color": {"mode": "thresholds"}, "thresholds": levels or thresholds(GREY)}
    if mappings:
        defaults["mappings"] = list(mappings)
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {
        "colorMode": "value",
        "graphMode": "area" if graph else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": text,
        "wideLayout": True,
    }
    return Panel("stat", title, unit, queries, shows, normal, otherwise, width, height,
                 defaults, options=options)  # fmt: skip


def lines(title, unit, queries, shows, normal, otherwise, *, width=8, height=8, stack=None,
          levels=None, low=0, high=None, right=None, log=False):  # fmt: skip
    """Lines over time. stack: 'normal' or 'percent'; right: {legend pattern: unit} drawn against an
    axis of their own; levels: drawn as lines."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if stack else 8,
        "showPoints": "never",
        # A gap is true: what is unknown has no sample.
        "spanNulls": False,
        "stacking": {"mode": stack or "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if levels else "off"},
    }
    if log:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    defaults = {"color": {"mode": "palette-classic"}, "custom": custom,
                "thresholds": levels or thresholds(GREEN)}  # fmt: skip
    if low is not None:
        defaults["min"] = low
    if high is not None:
        defaults["max"] = high
    overrides = [
        {
            "matcher": {"id": "byRegexp", "options": pattern},
            "properties": [
                {"id": "unit", "value": other},
                {"id": "custom.axisPlacement", "value": "right"},
            ],
        }
        for pattern, other in (right or {}).items()
    ]
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel("timeseries", title, unit, queries, shows, normal, otherwise, width, height,
                 defaults, overrides, options)  # fmt: skip


def bars(title, unit, queries, shows, normal, otherwise, *, width=8, height=8, repeat=None,
         levels=None, low=0):  # fmt: skip
    """One bar per series, the figure beside it."""
    defaults = {"color": {"mode": "continuous-BlPu" if levels is None else "thresholds"},
                "thresholds": levels or thresholds(BLUE), "min": low}  # fmt: skip
    options = {
        "displayMode": "gradient",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "left",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "sizing": "auto",
    }
    extra = {"repeat": repeat, "repeatDirection": "h", "maxPerRow": 3} if repeat else {}
    return Panel("bargauge", title, unit, queries, shows, normal, otherwise, width, height,
                 defaults, options=options, extra=extra)  # fmt: skip


def heatmap(title, unit, expr, shows, normal, otherwise, *, width=8, height=8):
    """A histogram over time: expr has a series for each upper bound `le`."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "short"},
        "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5,
                  "steps": 64, "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }  # fmt: skip
    defaults = {"custom": {"scaleDistribution": {"type": "linear"}}}
    return Panel("heatmap", title, unit, [Query(expr, "{{le}}", format="heatmap")],
                 shows, normal, otherwise, width, height, defaults, options=options)  # fmt: skip


def states(title, unit, queries, shows, normal, otherwise, mappings, *, width=12, height=6):
    """What something was, over time: a band per series, colored by its value."""
    defaults = {
        "color": {"mode": "thresholds"},
        "custom": {"fillOpacity": 70, "lineWidth": 0, "spanNulls": False},
        "mappings": list(mappings),
        "thresholds": thresholds(GREY),
    }
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return Panel("state-timeline", title, unit, queries, shows, normal, otherwise, width, height,
                 defaults, options=options)  # fmt: skip


def table(title, unit, columns, shows, normal, otherwise, *, key, width=12, height=8, units=None,
          mappings=None, levels=None):  # fmt: skip
    """One line per series, joined by the labels of `key` in this order, which all queries have.

    columns: {heading: expr}; units, mappings, levels: by heading."""
    queries = [Query(expr, instant=True, format="table") for expr in columns.values()]
    # Grafana's names of the values: with a number only when there are several.
    values = [f"Value #{ref_id(i)}" for i in range(len(columns))]
    if len(values) == 1:
        values = ["Value"]
    order = list(key) + values
    overrides = []
    for value, heading in zip(values, columns):
        properties = [{"id": "unit", "value": units[heading]}] if heading in (units or {}) else []
        if heading in (mappings or {}):
            properties.append({"id": "mappings", "value": list(mappings[heading])})
        if heading in (levels or {}):
            properties += [
                {"id": "thresholds", "value": levels[heading]},
                {"id": "custom.cellOptions", "value": {"type": "color-text"}},
            ]
        if properties:
            overrides.append({"matcher": {"id": "byName", "options": heading},
                              "properties": properties})  # fmt: skip
    transformations = [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True},
                "indexByName": {name: i for i, name in enumerate(order)},
                "renameByName": dict(zip(values, columns)),
            },
        },
    ]
    defaults = {"custom": {"align": "auto", "filterable": True}, "thresholds": thresholds(GREY)}
    options = {
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "fields": ""},
        "showHeader": True,
        "sortBy": [{"displayName": name, "desc": False} for name in key[:1]],
    }
    return Panel("table", title, unit, queries, shows, normal, otherwise, width, height,
                 defaults, overrides, options, {"transformations": transformations})  # fmt: skip


def value_map(**texts):
    """value_map(v1=("up", GREEN), v0=("down", RED)): words for values."""
    options = {
        key.removeprefix("v"): {"text": text, "color": color, "index": index}
        for index, (key, (text, color)) in enumerate(texts.items())
    }
    return {"type": "value", "options": options}


# ---- Grafana's JSON ----------------------------------------------------------------------------


def ref_id(index):
    return chr(ord("A") + index)


def expand(expr):
    """One line, without the abbreviation."""
    return " ".join(expr.split()).replace("$scope", SCOPE)


def description(panel):
    return (
        f"{panel.shows}\n\n**Normal:** {panel.normal}\n\n**If it is not:** {panel.otherwise}"
    )


def query_json(query, index, interval):
    model = {
        "datasource": DATA_SOURCE,
        "editorMode": "code",
        "expr": expand(query.expr),
        "format": query.format,
        "instant": query.instant,
        "legendFormat": query.legend or "__auto",
        "range": not query.instant,
        "refId": ref_id(index),
    }
    if interval:
        model["interval"] = interval
    return model


def panel_json(panel, panel_id, position, interval):
    return {
        "id": panel_id,
        "type": panel.type,
        "title": panel.title,
        "description": description(panel),
        "datasource": DATA_SOURCE,
        "gridPos": position,
        "targets": [query_json(query, i, interval) for i, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **panel.defaults},
            "overrides": panel.overrides,
        },
        "options": panel.options,
        **panel.extra,
    }


def place(panels, top):
    """Positions from left to right, a new line where one is full, and where the last line ends."""
    positions = []
    x, y, height = 0, top, 0
    for panel in panels:
        if x + panel.width > GRID_COLUMNS:
            x, y, height = 0, y + height, 0
        positions.append({"x": x, "y": y, "w": panel.width, "h": panel.height})
        x, height = x + panel.width, max(height, panel.height)
    return positions, y + height


def rows_json(dashboard):
    models = []
    next_id, y = 1, 0
    for row in dashboard.rows:
        header = {
            "id": next_id,
            "type": "row",
            "title": row.title,
            "collapsed": row.collapsed,
            "gridPos": {"x": 0, "y": y, "w": GRID_COLUMNS, "h": 1},
            "panels": [],
        }
        positions, bottom = place(row.panels, y + 1)
        panels = [
            panel_json(panel, next_id + 1 + i, position, dashboard.scrape_interval)
            for i, (panel, position) in enumerate(zip(row.panels, positions))
        ]
        next_id += 1 + len(panels)
        models.append(header)
        if row.collapsed:
            header["panels"] = panels
            y += 1
        else:
            models += panels
            y = bottom
    return models


def data_source_variable():
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "current": {"text": "Prometheus", "value": "prometheus"},
    }


def variable_json(variable):
    query = expand(variable.query)
    chosen = list(variable.chosen)
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATA_SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "regex": "",
        # With every change of the time range: what has come up since is in the list.
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "includeAll": True,
        "allValue": variable.all_value,
        "multi": True,
        "options": [],
        "current": {"text": chosen or ["All"], "value": chosen or ["$__all"]},
    }


def annotation_json(annotation):
    return {
        "name": annotation.name,
        "datasource": DATA_SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": annotation.color,
        "expr": expand(annotation.expr),
        # Half of the window in the expressions, so that nothing falls between two points.
        "step": "30s",
        "titleFormat": annotation.title,
        "textFormat": "",
        "useValueForTime": False,
    }


def dashboard_json(dashboard):
    return {
        "annotations": {"list": [annotation_json(a) for a in dashboard.annotations]},
        "description": dashboard.description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        # A cross hair at the same time in all panels.
        "graphTooltip": 1,
        "id": None,
        "links": [
            {
                "type": "dashboards",
                "title": "kstream",
                "tags": [TAG],
                "asDropdown": False,
                "icon": "external link",
                # Variables of one name mean other jobs elsewhere.
                "includeVars": False,
                "keepTime": True,
                "targetBlank": False,
                "tooltip": "",
                "url": "",
            }
        ],
        "panels": rows_json(dashboard),
        "preload": False,
        "refresh": "5s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG],
        "templating": {
            "list": [data_source_variable()] + [variable_json(v) for v in dashboard.variables]
        },
        "time": {"from": "now-15m", "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "timezone": "browser",
        "title": dashboard.title,
        "uid": dashboard.uid,
        "version": 1,
        "weekStart": "",
    }
