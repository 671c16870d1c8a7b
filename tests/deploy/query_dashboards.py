#!/usr/bin/env python3
"""Asks a running Prometheus what the dashboards and alerts would ask it. An empty answer is a
failure: a panel that shows nothing, or an alert that can never fire.

    query_dashboards.py --prometheus http://127.0.0.1:9090
    query_dashboards.py --prometheus URL --rules deploy/prometheus/alerts/*.yml --wait 60

Of dashboards: every query of every panel, also of collapsed rows, for values and for the labels
that its legend names; every query of every variable; every annotation, for errors and for the
series in it. Of rules: every expression for errors (an alert that does not fire has an empty
answer, which is well), and every series in it for existence. Variables stand for what they stand
for when a dashboard is opened. With --wait what is empty is asked again until the time is over:
rates need some scrapes.
"""

import argparse
import json
import math
import re
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import dashboard_files as files
import promql

# ---- what may be empty, and why ----------------------------------------------------------------

# (dashboard, panel title, refIds or None for all): reason
MAY_BE_EMPTY = {
    ("kafka", "Errors by code", None): "shows only the codes that occur",
    ("kraft", "Election latency", None): "NaN on nodes that have been in no election of late",
    **{
        ("kstream", title, None): "the job of deploy/ has no windows"
        for title in (
            "Open windows", "Event time behind the newest, by source partition",
            "Windows wait for the slowest partition", "Watermarks behind the clock", "How late",
            "Idle source partitions", "Who holds windows back",
        )
    },
}
# Selectors of rules and annotations, as regular expressions on their text: reason
MAY_BE_MISSING = {
    r"^ALERTS\{": "exists while an alert is pending or fires",
    r"^kstream_(watermark_|partition_idle|open_windows)": "the job of deploy/ has no windows",
}

RANGE_SECONDS = 60
STEP_SECONDS = 10
MACROS = {"rate_interval": "1m", "interval": "10s", "range": "5m"}


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def ask(self, path, **parameters):
        """The data of an answer; ValueError with Prometheus' own words when it refuses."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            body = error.read().decode(errors="replace")
            try:
                raise ValueError(json.loads(body)["error"]) from None
            except (json.JSONDecodeError, KeyError):
                raise ValueError(f"HTTP {error.code}: {body[:200]}") from None

    def instant(self, expr):
        """[(labels, [value])]"""
        return series_of(self.ask("query", query=expr))

    def over_time(self, expr):
        end = time.time()
        return series_of(
            self.ask("query_range", query=expr, start=end - RANGE_SECONDS, end=end,
                     step=STEP_SECONDS)
        )  # fmt: skip

    def label_values(self, selector, label):
        end = time.time()
        matching = {"match[]": selector} if selector else {}
        return self.ask(f"label/{label}/values", start=end - 300, end=end, **matching)


def series_of(data):
    if data["resultType"] == "scalar":
        return [({}, [float(data["result"][1])])]
    return [
        (series["metric"], [float(value) for _, value in series.get("values") or [series["value"]]])
        for series in data["result"]
    ]


# ---- what is asked -----------------------------------------------------------------------------


class Question:
    """Something to ask: `where` names it, ask() gives the failure or ''."""

    def __init__(self, where, text):
        self.where = where
        self.text = text

    def answer(self, prometheus):
        try:
            return self.ask(prometheus)
        except ValueError as error:
            return f"refused: {error}"


class PanelQuery(Question):
    def __init__(self, target, expr, may_be_empty):
        super().__init__(target.name, expr)
        self.target = target
        self.may_be_empty = may_be_empty

    def ask(self, prometheus):
        ask = prometheus.instant if self.target.model.get("instant") else prometheus.over_time
        return judge_series(
            ask(self.text), self.target.model.get("legendFormat", ""), self.may_be_empty
        )


class VariableQuery(Question):
    def __init__(self, where, selector, label):
        super().__init__(where, f"label_values({selector}, {label})")
        self.selector, self.label = selector, label

    def ask(self, prometheus):
        return "" if prometheus.label_values(self.selector, self.label) else "has no values"


class Expression(Question):
    """Of a rule or an annotation: only refused ones are wrong."""

    def ask(self, prometheus):
        prometheus.instant(self.text)
        return ""


class Existence(Question):
    def ask(self, prometheus):
        return "" if prometheus.instant(self.text) else "no such series"


def judge_series(series, legend, may_be_empty):
    values = [value for _, found in series for value in found]
    if not any(math.isfinite(value) for value in values):
        if may_be_empty:
            return ""
        return "only NaN" if values else "empty"
    named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend))
    for labels, _ in series:
        if lacking := named - set(labels):
            return f"the legend names {', '.join(sorted(lacking))}, which a series lacks"
    return ""


def questions_of_dashboard(model):
    values = files.initial_values(model, **MACROS)
    values["datasource"] = ""
    for target in files.targets(model):
        panel = (model["uid"], target.panel["title"])
        allowed = any(
            key[:2] == panel and (key[2] is None or target.model["refId"] in key[2])
            for key in MAY_BE_EMPTY
        )
        # Panels that are repeated for each value of a variable show it for one at a time.
        yield PanelQuery(target, as_opened(target, values), allowed)
    for variable in files.variables(model, "query"):
        selector, label = files.variable_query(variable)
        where = f"{model['uid']}: variable {variable['name']}"
        yield VariableQuery(where, files.substitute(selector, values), label)
    for annotation in files.annotations(model):
        where = f"{model['uid']}: annotation {annotation['name']}"
        expr = files.substitute(annotation["expr"], values)
        yield from questions_of_expression(where, expr)


def as_opened(target, values):
    """The expression with its variables replaced. `$name` of a repeated panel is one value there
    and stands for all of them here, so its = becomes =~."""
    expr = target.expr
    if repeated := target.panel.get("repeat"):
        expr = expr.replace(f'="${repeated}"', f'=~"${repeated}"')
    return files.substitute(expr, values)


def questions_of_expression(where, expr):
    yield Expression(where, expr)
    for selector in promql.selectors(expr):
        text = selector.text()
        if not any(re.search(pattern, text) for pattern in MAY_BE_MISSING):
            yield Existence(f"{where}: {text}", text)


# ---- rule files --------------------------------------------------------------------------------

FIELD = re.compile(r"^(?P<indent>\s*)(?P<dash>- )?(?P<key>alert|record|expr):\s*(?P<text>.*)$")


def rules_in(text):
    """[(name, expr)] of a rule file. Reads as much of YAML as such files have, because Python has
    no reader of its own: one field per line, plain or quoted texts, and block texts."""
    rules = []
    name = None
    rows = text.splitlines()
    at = 0
    while at < len(rows):
        match = FIELD.match(rows[at])
        at += 1
        if not match:
            continue
        if match["key"] != "expr":
            name = match["text"].strip("\"'")
            continue
        indent = len(match["indent"]) + len(match["dash"] or "")
        block = []
        while at < len(rows) and (
            not rows[at].strip() or len(rows[at]) - len(rows[at].lstrip()) > indent
        ):
            block.append(rows[at].strip())
            at += 1
        rules.append((name, scalar(match["text"].strip(), block)))
    return rules


def scalar(first, block):
    if re.fullmatch(r"[|>][+-]?", first):
        return "\n".join(block).strip()
    whole = " ".join([first, *block]).strip()
    if whole.startswith('"'):
        return json.loads(whole)
    if whole.startswith("'"):
        return whole[1:-1].replace("''", "'")
    return re.sub(r"\s+#.*$", "", whole)


def questions_of_rules(path):
    text = Path(path).read_text()
    rules = rules_in(text)
    declared = len(re.findall(r"^\s*(?:- )?(?:alert|record):", text, re.MULTILINE))
    if not rules or len(rules) != declared:
        sys.exit(f"query_dashboards: {path} has {declared} rules, {len(rules)} could be read")
    for name, expr in rules:
        yield from questions_of_expression(f"{Path(path).name}: {name}", expr)


# ---- asking ------------------------------------------------------------------------------------


def ask_all(prometheus, questions, wait):
    """{question: failure} of what still fails when the time is over."""
    deadline = time.monotonic() + wait
    failing = {question: "" for question in questions}
    while True:
        try:
            answers = {question: question.answer(prometheus) for question in failing}
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            answers = {question: f"Prometheus does not answer: {error}" for question in failing}
        failing = {question: failure for question, failure in answers.items() if failure}
        if not failing or time.monotonic() >= deadline:
            return failing
        time.sleep(min(2, max(0, deadline - time.monotonic())))


def collect(dashboards, rules):
    models = files.load(dashboards)
    if not models:
        sys.exit(f"query_dashboards: no dashboards in {dashboards}")
    questions = [q for model in models.values() for q in questions_of_dashboard(model)]
    return questions + [q for path in rules for q in questions_of_rules(path)]


# Run by check_dashboards.py --self-test: this program itself needs a Prometheus.
class Judgement(unittest.TestCase):
    def test_empty_answers_fail(self):
        self.assertEqual(judge_series([], "", False), "empty")
        self.assertEqual(judge_series([({}, [math.nan])], "", False), "only NaN")
        self.assertEqual(judge_series([({}, [math.nan, 0.0])], "", False), "")
        self.assertEqual(judge_series([], "", True), "")

    def test_legends_name_labels_that_exist(self):
        series = [({"stage": "map"}, [1.0])]
        self.assertEqual(judge_series(series, "{{stage}} p99", False), "")
        self.assertIn("instance", judge_series(series, "{{stage}} {{instance}}", False))

    def test_rule_files(self):
        text = (
            "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 1m\n"
            "  - alert: B\n    expr: >-\n      a\n      or\n      b\n    labels: { x: y }\n"
            "  - record: c:d\n    expr: 'x{a=\"b\"}'\n  - expr: \"y\"\n    alert: E\n"
        )
        self.assertEqual(
            [expr for _, expr in rules_in(text)], ["up == 0", "a\nor\nb", 'x{a="b"}', "y"]
        )

    def test_series_of_a_rule_are_asked_for(self):
        texts = [q.text for q in questions_of_expression("r", 'sum(a{b="c"}) > 0 or up == 0')]
        self.assertEqual(texts, ['sum(a{b="c"}) > 0 or up == 0', 'a{b="c"}', "up{}"])

    def test_a_prometheus_that_is_gone_fails(self):
        gone = Prometheus("http://127.0.0.1:9")
        self.assertIn("does not answer", list(ask_all(gone, [Existence("x", "up")], 0).values())[0])


def main():
    parser = argparse.ArgumentParser(
        description="Asks Prometheus what dashboards and alerts ask, and fails on empty answers."
    )
    parser.add_argument("--prometheus", metavar="URL", required=True,
                        help="where Prometheus serves")  # fmt: skip
    parser.add_argument("--dashboards", metavar="DIR", default=files.FOLDER,
                        help="folder of the dashboards [deploy/grafana/dashboards]")  # fmt: skip
    parser.add_argument("--rules", metavar="FILE", nargs="+", default=[], help="rule files")
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=0,
                        help="ask again until then what fails [0]")  # fmt: skip
    arguments = parser.parse_args()
    questions = collect(arguments.dashboards, arguments.rules)
    failing = ask_all(Prometheus(arguments.prometheus), questions, arguments.wait)
    for question, failure in failing.items():
        print(f"{question.where}: {failure}\n    {question.text}")
    print(f"{len(questions) - len(failing)} passed, {len(failing)} failed")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
