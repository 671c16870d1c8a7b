#!/usr/bin/env python3
"""Checks Grafana's dashboards without Grafana.

    check_dashboards.py              checks deploy/grafana/dashboards, prints dashboard: finding,
                                     exit code 1 when there is one
    check_dashboards.py --self-test  feeds the rules dashboards that break them

The rules are those of Grafana's own dashboard linter (data source, job and instance, titles, units,
rates), which cannot be had everywhere, and some of ours: a description that says what is normal and
what to do else, no panel over another, every metric known, every panel of the system whose place
kstream takes. The committed files must be what deploy/grafana/source makes. Whether the expressions
have an answer is the affair of query_dashboards.py, whose own tests run with these.
"""

import argparse
import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import dashboard_files as files
import promql
import query_dashboards

# ---- what is known -----------------------------------------------------------------------------

SOURCE_FOLDER = files.ROOT / "deploy" / "grafana" / "source"
METRICS_DOC = files.ROOT / "docs" / "METRICS.md"
# Seen on running systems: a metric per line, with its labels; # begins a remark.
SEEN_METRICS = [
    files.ROOT / "tests" / "deploy" / "jmx_metrics.txt",
    files.ROOT / "tests" / "deploy" / "prometheus_metrics.txt",
]
# What Prometheus makes itself for each target and each alert.
MADE_BY_PROMETHEUS = [
    "up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS", "ALERTS_FOR_STATE",
]  # fmt: skip
# Made by rules: their labels are those of the alerts, a job or none.
WITHOUT_SCOPE = {"ALERTS", "ALERTS_FOR_STATE"}

# Grafana's names of the units that make sense here. An unknown one is shown as text after the
# number, which nobody notices in a review.
UNITS = {
    "none", "short", "percentunit", "s", "ms", "bytes", "decbytes", "Bps", "cps", "reqps",
    "dateTimeFromNow",
}  # fmt: skip

SETTINGS = {
    "id": None,
    "editable": False,
    "graphTooltip": 1,
    "refresh": "5s",
    "schemaVersion": 42,
    "timezone": "browser",
}
SCOPE = {"job": ("=~", "$job"), "instance": ("=~", "$instance")}
GRID_COLUMNS = 24
RATES = {"rate", "irate", "increase"}
MACROS = {"__rate_interval", "__interval", "__range"}

# The panels of the dashboard whose place these take: (name there, dashboard, title here, what the
# expression must ask).
SEED_PANELS = [
    ("CPU usage", "kafka", "CPU usage", r"process_cpu_seconds_total"),
    ("JVM memory used", "kafka", "JVM memory used", r"jvm_memory_used_bytes"),
    ("messages in, 5 min", "kafka", "Messages in, 5 min", r"messagesin_total.*\[5m\]"),
    ("messages per second", "kafka", "Messages per second", r"rate\(.*messagesin_total"),
    ("active controller count", "kafka", "Active controllers", r"activecontrollercount"),
    ("active brokers", "kafka", "Active brokers", r"activebrokercount"),
    ("bytes in per broker", "kafka", "Bytes in per broker", r"by \(instance\).*bytesin_total"),
    ("bytes in, 5 min", "kafka", "Bytes in, 5 min", r"bytesin_total.*\[5m\]"),
    ("producer requests", "kafka", "Producer requests", r"produce_?requests_total"),
    ("fetch requests per broker", "kafka", "Fetch requests per broker",
     r'by \(instance\).*requests_total.*request="Fetch"'),
    ("Prometheus scrape duration", "monitoring", "Prometheus scrape duration",
     r"scrape_duration_seconds"),
    ("JMX scrape duration", "monitoring", "JMX scrape duration", r"jmx_scrape_duration_seconds"),
]  # fmt: skip


def documented_metrics(text):
    """{name: type} of docs/METRICS.md, with the series that a histogram has."""
    types = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))
    for name, kind in list(types.items()):
        if kind == "histogram":
            types |= {f"{name}_{suffix}": "counter" for suffix in ("bucket", "sum", "count")}
    return types


def documented_labels(text):
    """{name: labels} of docs/METRICS.md, with the series that a histogram has."""
    found = {}
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| (?:`([\w,]+)`)?", text, re.M):
        own = set(filter(None, labels.split(",")))
        found[name] = own
        if kind == "histogram":
            found |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
    return found


def seen_metrics(text):
    return [line.split()[0] for line in text.splitlines() if line and not line.startswith("#")]


def known_metrics():
    """{name: type}; the type is '' where it shows in the name only."""
    known = dict.fromkeys(MADE_BY_PROMETHEUS, "")
    for path in SEEN_METRICS:
        known |= dict.fromkeys(seen_metrics(path.read_text()), "")
    return known | documented_metrics(METRICS_DOC.read_text())


LABELS = documented_labels(METRICS_DOC.read_text())  # of our own metrics

# ---- the rules ---------------------------------------------------------------------------------


def check_settings(model):
    for key, wanted in SETTINGS.items():
        if key not in model or model[key] != wanted:
            yield f"{key} is {json.dumps(model.get(key))}, not {json.dumps(wanted)}"
    for key in ("title", "description", "uid"):
        if not model.get(key):
            yield f"no {key}"
    if "kstream" not in model.get("tags", []):
        yield "lacks the tag kstream, by which the dashboards link to each other"
    if not any(link.get("tags") == ["kstream"] for link in model.get("links", [])):
        yield "has no links to the other dashboards"


def check_variables(model):
    names = [variable.get("name") for variable in files.variables(model)]
    if [v.get("query") for v in files.variables(model, "datasource")] != ["prometheus"]:
        yield "needs one variable for the data source, of Prometheus"
    for name in ("job", "instance"):
        if name not in names:
            yield f"has no variable {name}"
    used = files.used_variables(json.dumps([model.get("panels"), model.get("annotations")]))
    for variable in files.variables(model, "query"):
        name = variable.get("name")
        asked = files.variable_query(variable)
        if asked is None:
            yield f"variable {name}: only label_values(series, label) can be checked"
            continue
        if variable.get("datasource", {}).get("uid") != "${datasource}":
            yield f"variable {name}: does not use the variable of the data source"
        if variable.get("refresh") != 2:
            yield f"variable {name}: is not loaded again when the time range changes"
        if not variable.get("includeAll") or not variable.get("allValue"):
            yield f"variable {name}: has no value for All"
        inner = files.used_variables(asked[0])
        used |= inner
        for other in inner - set(names):
            yield f"variable {name}: names the unknown variable ${other}"
        for selector in promql.selectors(asked[0]):
            if name != "job" and ("job", "=~", "$job") not in selector.matchers:
                yield f'variable {name}: {selector.text()} has no job=~"$job"'
    for unused in set(names) - used:
        yield f"variable {unused} is not used"
    for unknown in used - set(names) - MACROS:
        yield f"the unknown variable ${unknown} is used"


def grid_of(panel):
    position = panel.get("gridPos", {})
    return tuple(position.get(key, -1) for key in "xywh")


def overlap(one, other):
    (x, y, w, h), (x2, y2, w2, h2) = one, other
    return x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h


def check_grid(model):
    """Panels of a collapsed row are placed by themselves: they are below it only when it is open,
    and Grafana moves the rest down."""
    collapsed = [p for p in model.get("panels", []) if p.get("type") == "row" and p.get("panels")]
    for group in [model.get("panels", [])] + [row["panels"] for row in collapsed]:
        placed = [(panel.get("title"), grid_of(panel)) for panel in group]
        for i, (title, grid) in enumerate(placed):
            x, y, w, h = grid
            if min(x, y) < 0 or min(w, h) <= 0 or x + w > GRID_COLUMNS:
                yield f"'{title}': is not within the grid"
            for other_title, other in placed[i + 1 :]:
                if overlap(grid, other):
                    yield f"'{title}' lies over '{other_title}'"
    every = list(files.panels(model)) + [
        panel for panel in model.get("panels", []) if panel.get("type") == "row"
    ]
    ids = [panel.get("id") for panel in every]
    for panel_id in sorted({i for i in ids if ids.count(i) > 1}, key=str):
        yield f"panel id {panel_id} is used twice"
    titles = [panel.get("title") for panel in files.panels(model)]
    for title in sorted({t for t in titles if t and titles.count(t) > 1}):
        yield f"two panels are called '{title}'"


def units_of(panel):
    config = panel.get("fieldConfig", {})
    yield config.get("defaults", {}).get("unit")
    if panel.get("type") == "heatmap":
        yield panel.get("options", {}).get("yAxis", {}).get("unit")
    for override in config.get("overrides", []):
        for one in override.get("properties", []):
            if one.get("id") == "unit":
                yield one.get("value")


def check_panel(panel):
    title = panel.get("title")
    if not title:
        yield f"panel {panel.get('id')} has no title"
    text = panel.get("description", "")
    if not re.fullmatch(r".+\n\n\*\*Normal:\*\* .+\n\n\*\*If it is not:\*\* .+", text, re.S):
        yield f"'{title}': the description must say what is shown, normal, and to do if it is not"
    for unit in units_of(panel):
        if unit not in UNITS:
            yield f"'{title}': unit {json.dumps(unit)} is none of those in use"
    if panel.get("datasource", {}).get("uid") != "${datasource}":
        yield f"'{title}': does not use the variable of the data source"
    asked = panel.get("targets", [])
    if not asked:
        yield f"'{title}': asks nothing"
    refs = [target.get("refId") for target in asked]
    if len(set(refs)) != len(refs):
        yield f"'{title}': two queries have the same refId"
    if any(target.get("datasource", {}).get("uid") != "${datasource}" for target in asked):
        yield f"'{title}': a query does not use the variable of the data source"


def is_counter(metric, known):
    return known.get(metric) == "counter" or (
        not known.get(metric) and metric.endswith(("_total", "_bucket"))
    )


def check_selector(selector, known, five_minutes):
    """What is wrong with one series selector of a panel."""
    name = selector.text()
    if selector.metric not in known:
        yield f"{selector.metric or name} is in none of the lists of metrics"
    for label, _, _ in selector.matchers if selector.metric in LABELS else ():
        if label not in LABELS[selector.metric] | set(SCOPE):
            yield f"{selector.metric} has no label {label}"
    if selector.metric not in WITHOUT_SCOPE:
        for label, (operator, value) in SCOPE.items():
            if (label, operator, value) not in selector.matchers:
                yield f'{name} has no {label}{operator}"{value}"'
    inner = selector.functions[-1] if selector.functions else ""
    if is_counter(selector.metric, known) and inner not in RATES:
        yield f"{selector.metric} is a counter: only rate() and increase() of it mean something"
    if known.get(selector.metric) == "gauge" and inner in RATES:
        yield f"{selector.metric} is no counter: {inner}() of it means nothing"
    if selector.range:
        allowed = {"$__rate_interval"}
        if inner == "increase":
            allowed |= {"$__range"} | ({"5m"} if five_minutes else set())
        if selector.range not in allowed:
            yield f"{name}[{selector.range}]: the range must be $__rate_interval"


def check_expressions(model, known):
    for target in files.targets(model):
        five_minutes = "5 min" in (target.panel.get("title") or "")
        found = promql.selectors(target.expr)
        if not found:
            yield f"'{target.panel.get('title')}' {target.model.get('refId')}: selects no series"
        for selector in found:
            for finding in check_selector(selector, known, five_minutes):
                yield f"'{target.panel.get('title')}' {target.model.get('refId')}: {finding}"
    for annotation in files.annotations(model):
        for selector in promql.selectors(annotation["expr"]):
            if selector.metric not in known:
                yield f"annotation {annotation.get('name')}: {selector.metric} is in no list"


def check_syntax(expressions, promtool):
    """Findings of promtool about [(name, PromQL)]: each becomes a recording rule."""
    rules = [{"record": f"expression:{i}", "expr": e} for i, (_, e) in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yml"
        path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))
        done = subprocess.run(
            [promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False
        )
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    located = re.findall(r"rule (\d+), \"[^\"]*\": (.*)", output)
    for number, message in located:
        yield f"{expressions[int(number) - 1][0]}: {message}"
    if not located:
        yield f"promtool: {output.strip()}"


def expressions_of(model):
    values = files.initial_values(model, rate_interval="1m", interval="15s", range="15m")
    values["datasource"] = "prometheus"
    for target in files.targets(model):
        yield target.name, files.substitute(target.expr, values)
    for annotation in files.annotations(model):
        name = f"{model.get('uid')}: annotation {annotation.get('name')}"
        yield name, files.substitute(annotation["expr"], values)


def check_seed(models):
    """Every panel of the dashboard that users know is there."""
    for name, uid, title, expr in SEED_PANELS:
        asked = [
            target.expr
            for model in models
            if model.get("uid") == uid
            for target in files.targets(model)
            if target.panel.get("title") == title
        ]
        if not any(re.search(expr, one) for one in asked):
            yield f"{uid}: the panel '{title}' (formerly {name}) is missing or asks something else"


def check_generated():
    """The generator's own word on whether the committed files are what it writes."""
    done = subprocess.run(
        [sys.executable, str(SOURCE_FOLDER), "--check"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        yield from (done.stdout + done.stderr).strip().splitlines()


def check(models, known, promtool):
    """All findings about {file name: model}."""
    uids = [model.get("uid") for model in models.values()]
    for uid in sorted({uid for uid in uids if uids.count(uid) > 1}, key=str):
        yield f"uid {uid} is used twice"
    expressions = []
    for name, model in models.items():
        if name != f"{model.get('uid')}.json":
            yield f"{name}: is not named after its uid, {model.get('uid')}"
        findings = [*check_settings(model), *check_variables(model), *check_grid(model)]
        for panel in files.panels(model):
            findings += check_panel(panel)
        findings += check_expressions(model, known)
        for finding in findings:
            yield f"{name}: {finding}"
        try:
            expressions += expressions_of(model)
        except KeyError as error:
            yield f"{name}: {error.args[0]}"
    yield from check_syntax(expressions, promtool)
    yield from check_seed(models.values())


# ---- tests of the rules ------------------------------------------------------------------------

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def sample():
    """The smallest dashboard without a finding."""

    def variable(name, query):
        return {"name": name, "type": "query", "query": {"query": query}, "datasource": DATA_SOURCE,
                "refresh": 2, "includeAll": True, "allValue": ".+",
                "current": {"value": ["$__all"]}}  # fmt: skip

    def panel(panel_id, x, expr):
        return {"id": panel_id, "type": "timeseries", "title": f"Panel {panel_id}",
                "description": "This.\n\n**Normal:** 0.\n\n**If it is not:** look.",
                "datasource": DATA_SOURCE, "gridPos": {"x": x, "y": 1, "w": 12, "h": 8},
                "fieldConfig": {"defaults": {"unit": "cps"}, "overrides": []},
                "targets": [{"refId": "A", "expr": expr, "datasource": DATA_SOURCE}]}  # fmt: skip

    scope = 'job=~"$job", instance=~"$instance"'
    return {
        **SETTINGS, "title": "Sample", "description": "A sample.", "uid": "sample",
        "tags": ["kstream"], "links": [{"tags": ["kstream"]}], "annotations": {"list": []},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus",
             "current": {"value": "prometheus"}},
            variable("job", "label_values(up, job)"),
            variable("instance", 'label_values(up{job=~"$job"}, instance)'),
        ]},
        "panels": [
            {"id": 1, "type": "row", "title": "Row", "panels": [],
             "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}},
            panel(2, 0, f"sum(rate(reads_total{{{scope}}}[$__rate_interval]))"),
            panel(3, 12, f"max(depth{{{scope}}})"),
        ],
    }  # fmt: skip


KNOWN = {"reads_total": "counter", "depth": "gauge", "up": ""}


class Rules(unittest.TestCase):
    promtool = ""

    def findings(self, change=lambda model: None):
        model = copy.deepcopy(sample())
        change(model)
        found = check({"sample.json": model}, KNOWN, self.promtool)
        return "\n".join(one for one in found if "formerly" not in one)

    def expect(self, text, change):
        self.assertIn(text, self.findings(change))

    def expr(self, text, expr):
        self.expect(text, lambda model: model["panels"][1]["targets"][0].update(expr=expr))

    def test_a_sound_dashboard_has_no_finding(self):
        self.assertEqual(self.findings(), "")

    def test_settings(self):
        self.expect("editable is true", lambda m: m.update(editable=True))
        self.expect("id is 7", lambda m: m.update(id=7))
        self.expect("schemaVersion is 41", lambda m: m.update(schemaVersion=41))
        self.expect("no description", lambda m: m.update(description=""))
        self.expect("no links", lambda m: m.update(links=[]))
        self.expect("is not named after its uid", lambda m: m.update(uid="other"))

    def test_variables(self):
        def variable(index, **fields):
            return lambda m: m["templating"]["list"][index].update(fields)

        self.expect("needs one variable for the data source", variable(0, query="loki"))
        self.expect("has no variable job", variable(1, name="jobs"))
        self.expect("variable jobs is not used", variable(1, name="jobs"))
        self.expect("the unknown variable $job", variable(1, name="jobs"))
        self.expect("not loaded again", variable(1, refresh=1))
        self.expect("no value for All", variable(1, allValue=""))
        unscoped = {"query": "label_values(up, instance)"}
        self.expect('has no job=~"$job"', variable(2, query=unscoped))
        self.expect("only label_values", variable(2, query={"query": "query_result(up)"}))
        self.expect("data source", variable(1, datasource={"uid": "prometheus"}))

    def test_grid(self):
        def place(**fields):
            return lambda m: m["panels"][2]["gridPos"].update(fields)

        self.expect("'Panel 2' lies over 'Panel 3'", place(x=11))
        self.expect("'Row' lies over 'Panel 3'", place(y=0))
        self.expect("not within the grid", place(x=13))
        self.expect("id 2 is used twice", lambda m: m["panels"][2].update(id=2))
        self.expect("two panels are called", lambda m: m["panels"][2].update(title="Panel 2"))

    def test_collapsed_rows_are_judged_too(self):
        def collapse(m):
            m["panels"] = [m["panels"][0] | {"panels": m["panels"][1:], "collapsed": True}]

        self.assertEqual(self.findings(collapse), "")

        def and_break(m):
            collapse(m)
            m["panels"][0]["panels"][0]["gridPos"]["w"] = 13
            m["panels"][0]["panels"][1]["targets"][0]["expr"] = "unknown"

        self.expect("'Panel 2' lies over 'Panel 3'", and_break)
        self.expect("unknown is in none of the lists", and_break)

    def test_panels(self):
        def panel(**fields):
            return lambda m: m["panels"][1].update(fields)

        self.expect("has no title", panel(title=""))
        self.expect("the description must say", panel(description="This."))
        self.expect('unit null', panel(fieldConfig={}))
        self.expect('unit "meters"', panel(fieldConfig={"defaults": {"unit": "meters"}}))
        self.expect("data source", panel(datasource={"uid": "prometheus"}))
        self.expect("asks nothing", panel(targets=[]))
        self.expect("same refId", lambda m: m["panels"][1].update(
            targets=m["panels"][1]["targets"] * 2))  # fmt: skip
        self.expect("a query does not use",
                    lambda m: m["panels"][1]["targets"][0].pop("datasource"))  # fmt: skip

    def test_expressions(self):
        scope = 'job=~"$job", instance=~"$instance"'
        self.expr("writes_total is in none", f"rate(writes_total{{{scope}}}[$__rate_interval])")
        self.expr('no instance=~"$instance"', 'depth{job=~"$job"}')
        self.expr('no job=~"$job"', 'depth{instance=~"$instance"}')
        self.expr("reads_total is a counter", f"sum(reads_total{{{scope}}})")
        self.expr("reads_total is a counter", f"max_over_time(reads_total{{{scope}}}[5m])")
        self.expr("depth is no counter", f"rate(depth{{{scope}}}[$__rate_interval])")
        self.expr("must be $__rate_interval", f"rate(reads_total{{{scope}}}[1m])")
        self.expr("must be $__rate_interval", f"increase(reads_total{{{scope}}}[5m])")
        self.expr("unknown variable $gone", f'depth{{{scope}, topic="$gone"}}')
        self.expr("selects no series", "1")
        self.expr("lag_records has no label topic", f'kstream_lag_records{{{scope}, topic="x"}}')
        self.expr("'Panel 2' A: could not parse", f"sum(depth{{{scope}}}")

    def test_the_second_part_of_an_expression_counts(self):
        scope = 'job=~"$job", instance=~"$instance"'
        self.expr('depth{} has no job', f"depth{{{scope}}} / on (job) group_left (x) depth")

    def test_seed_panels(self):
        found = list(check({"sample.json": sample()}, KNOWN, self.promtool))
        self.assertEqual(len([one for one in found if "formerly" in one]), len(SEED_PANELS))

    def test_two_dashboards_of_one_uid(self):
        models = {"sample.json": sample(), "other.json": sample()}
        self.assertIn("uid sample is used twice", list(check(models, KNOWN, self.promtool)))

    def test_lists_of_metrics(self):
        self.assertEqual(seen_metrics("# a remark\nup job,instance\nx_info\n"), ["up", "x_info"])

    def test_the_metrics_document(self):
        text = "| `a_total` | counter | `x` | What |\n| `b_seconds` | histogram |  | What |\n"
        self.assertEqual(documented_metrics(text)["b_seconds_bucket"], "counter")
        self.assertEqual(documented_metrics(text)["a_total"], "counter")
        self.assertEqual(documented_labels(text)["a_total"], {"x"})
        self.assertEqual(documented_labels(text)["b_seconds_bucket"], {"le"})


def find_promtool():
    built = files.ROOT / "build" / "deps" / "bin" / "promtool"
    found = str(built) if built.exists() else shutil.which("promtool")
    if not found:
        sys.exit("check_dashboards: promtool is missing: run scripts/setup.sh")
    return found


def self_test(promtool):
    Rules.promtool = promtool
    load = unittest.defaultTestLoader.loadTestsFromTestCase
    tests = unittest.TestSuite([load(Rules), load(query_dashboards.Judgement)])
    return 0 if unittest.TextTestRunner(verbosity=2).run(tests).wasSuccessful() else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--self-test", action="store_true", help="test the rules themselves")
    arguments = parser.parse_args()
    promtool = find_promtool()
    if arguments.self_test:
        return self_test(promtool)
    models = {path.name: model for path, model in files.load().items()}
    if not models:
        sys.exit(f"check_dashboards: no dashboards in {files.FOLDER}")
    findings = [*check_generated(), *check(models, known_metrics(), promtool)]
    for finding in findings:
        print(finding)
    panels = sum(len(list(files.panels(model))) for model in models.values())
    print(f"{len(models)} dashboards, {panels} panels, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
