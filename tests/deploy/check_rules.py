#!/usr/bin/env python3
"""Checks what watches: scrape configuration, rules, alerts, Alertmanager, and that they fit.

    check_rules.py                  checks the repository, prints findings, exit code 1
    check_rules.py --mutate         breaks every alert in several ways; its tests have to notice
    check_rules.py --self-test      feeds the checks what breaks them
    check_rules.py --write-tests D  writes promtool's files into folder D, to run by hand

The tests of the alerts are cases in tests/deploy/alerts/, of which promtool's test files are made:
each alert says when it fires (and that it does not just before), when it stays quiet, and what it
does without any series. Expected texts are rendered here from the alert's own templates with the
case's labels and value, so a text stands in one place, and promtool still compares all of it.

Needs python3-yaml, promtool and amtool; scripts/setup.sh brings them.
"""

import copy
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
try:
    import yaml
except ModuleNotFoundError:
    # Debian's python3-yaml belongs to Debian's Python, and another one may come first on PATH.
    if sys.executable == SYSTEM_PYTHON:
        raise
    os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
ALERTMANAGER = ROOT / "deploy/alertmanager/alertmanager.yml"
RUNBOOK = ROOT / "docs/RUNBOOK.md"
CASES = ROOT / "tests/deploy/alerts"
TOOLS = ROOT / "build/deps/bin"

SEVERITIES = {"critical", "warning", "info", "none"}
# What Prometheus itself adds for each target.
SYNTHETIC = {"up", "scrape_duration_seconds"}
# Labels that come from the scrape, not from the target.
TARGET_LABELS = {"job", "instance"}

# ---- what there is -----------------------------------------------------------------------------


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rule_files():
    return sorted(PROMETHEUS.glob("rules/*.yml")) + sorted(PROMETHEUS.glob("alerts/*.yml"))


def load_groups():
    return [group for path in rule_files() for group in load(path)["groups"]]


def alerts_of(groups):
    return {r["alert"]: r for group in groups for r in group["rules"] if "alert" in r}


def records_of(groups):
    return {r["record"]: r for group in groups for r in group["rules"] if "record" in r}


def load_cases():
    cases = {}
    for path in sorted(CASES.glob("*.yml")):
        # Every scalar a text: 0x20 is promtool's "21 times 0", not the number 32.
        text = path.read_text(encoding="utf-8")
        for name, case in yaml.load(text, Loader=yaml.BaseLoader).items():
            if name in cases:
                raise SystemExit(f"{path}: {name} has cases in another file as well")
            cases[name] = case
    return cases


def kstream_metrics(text):
    """{name: {frozenset of labels}} of the tables in docs/METRICS.md."""
    known = {}
    row = re.compile(r"^\| `(\w+)` \| (\w+) \| (?:`([\w,]+)`)? *\|", re.M)
    for name, kind, labels in row.findall(text):
        labels = frozenset(filter(None, labels.split(",")))
        if kind == "histogram":
            known[name + "_bucket"] = {labels | {"le"}}
            known[name + "_sum"] = known[name + "_count"] = {labels}
        else:
            known[name] = {labels}
    return known


def seen_metrics(text):
    """The same of a list that tests/deploy/seen_metrics.py has written: `name label,label`."""
    known = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, labels = line.partition(" ")
            known.setdefault(name, set()).add(frozenset(filter(None, labels.split(","))))
    return known


def known_metrics():
    known = kstream_metrics((ROOT / "docs/METRICS.md").read_text(encoding="utf-8"))
    for path in sorted((ROOT / "tests/deploy").glob("*_metrics.txt")):
        for name, labels in seen_metrics(path.read_text(encoding="utf-8")).items():
            known[name] = known.get(name, set()) | labels
    return known


# ---- reading expressions -----------------------------------------------------------------------

KEYWORDS = {
    "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool",
    "offset", "inf", "nan",
}  # fmt: skip
STRING = r'"(?:\\.|[^"\\])*"'


def selectors(expression):
    """[(metric, {label: matched text})] of all series that an expression names."""
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    found = []
    # A name with what follows it; strings, windows and numbers are passed over.
    pattern = (
        rf"([a-zA-Z_:][\w:]*)\s*(\(|\{{(?:[^}}\"]|{STRING})*\}})?"
        rf"|{STRING}|\[[^\]]*\]|\d[\w.]*"
    )
    for match in re.finditer(pattern, text):
        name, rest = match.group(1), match.group(2) or ""
        if name is None or rest == "(" or name.lower() in KEYWORDS:
            continue
        labels = dict(re.findall(rf"(\w+)\s*(?:=~|!~|!=|=)\s*({STRING})", rest))
        found.append((name, {label: text[1:-1] for label, text in labels.items()}))
    return found


def series_of(text):
    """`up{job="a"}` -> ("up", {"job": "a"})"""
    ((name, labels),) = selectors(text)
    return name, labels


# ---- checks of texts and names -----------------------------------------------------------------


def check_alert_texts(alerts):
    for name, rule in alerts.items():
        severity = rule.get("labels", {}).get("severity")
        if severity not in SEVERITIES:
            yield f"{name}: severity {severity!r} is none of {', '.join(sorted(SEVERITIES))}"
        annotations = rule.get("annotations", {})
        for annotation in ("summary", "description"):
            if not annotations.get(annotation):
                yield f"{name}: no {annotation}"
        template = " ".join(annotations.values())
        if "{{" not in template and name != "Watchdog":
            yield f"{name}: neither summary nor description has a value or a label in it"
        if annotations.get("runbook_url") != f"docs/RUNBOOK.md#{name.lower()}":
            yield f"{name}: runbook_url has to be docs/RUNBOOK.md#{name.lower()}"


def check_runbook(alerts, text):
    entries = re.findall(r"^### (\w+)$", text, re.M)
    for name in sorted(set(entries) - set(alerts)):
        yield f"docs/RUNBOOK.md: {name} is no alert (any more)"
    for name in sorted(set(alerts) - set(entries)):
        yield f"docs/RUNBOOK.md: no entry ### {name}"
    for name in sorted({name for name in entries if entries.count(name) > 1}):
        yield f"docs/RUNBOOK.md: {name} has more than one entry"


def anchors(text):
    """What a link may end in, as GitHub makes it of headings."""
    without_code = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", without_code, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(text, read):
    """`read` gives the text of another document."""
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", text):
        if anchor not in anchors(read(target) if target else text):
            yield f"docs/RUNBOOK.md: a link to {target}#{anchor}, which is nowhere"


def check_exit_codes(configuration, runbook):
    """Every row of the table in docs/CONFIGURATION.md has one in the runbook."""
    codes = re.findall(r"^\| (\d+) \| `(\w+)` \|", configuration, re.M)
    if not codes:
        yield "docs/CONFIGURATION.md: no table of exit codes"
    for code, name in codes:
        if f"\n| {code} `{name}` |" not in runbook:
            yield f"docs/RUNBOOK.md: no row for exit code {code} `{name}`"


def check_metrics(groups, known, jobs):
    records = records_of(groups)
    for group in groups:
        for rule in group["rules"]:
            owner = rule.get("alert") or rule["record"]
            for metric, labels in selectors(str(rule["expr"])):
                if metric in records:
                    continue
                if metric not in known and metric not in SYNTHETIC:
                    yield f"{owner}: nobody has the metric {metric}"
                    continue
                possible = set().union(TARGET_LABELS, *known.get(metric, ()))
                for label in labels:
                    if label not in possible:
                        yield f"{owner}: {metric} has no label {label}"
                if "job" in labels and not any(re.fullmatch(labels["job"], job) for job in jobs):
                    yield f"{owner}: prometheus.yml has no job {labels['job']}"


def quiet_cases(case):
    """Without the word that an alert uses which is never quiet."""
    return [one for one in case.get("quiet") or [] if one != "never"]


def check_cases(alerts, records, cases, known):
    for name in sorted(set(cases) - set(alerts)):
        yield f"tests of {name}, which is no alert"
    for name in sorted(set(alerts) - set(cases)):
        yield f"{name}: no tests"
    for name in sorted(set(alerts) & set(cases)):
        case = cases[name]
        # An alert that always fires, or fires only without series, can say so.
        for kind in ("fires", "quiet", "no_series"):
            if not case.get(kind):
                yield f"{name}: no test of kind `{kind}`"
        used = {metric for metric, _ in selectors(str(alerts[name]["expr"]))}
        for record in used & set(records):
            used |= {metric for metric, _ in selectors(str(records[record]["expr"]))}
        for one in [*(case.get("fires") or []), *quiet_cases(case)]:
            given = [series_of(series) for series in one.get("given") or {}]
            for metric, labels in given:
                own = frozenset(labels) - TARGET_LABELS
                if metric in SYNTHETIC and not own:
                    continue
                if own not in known.get(metric, ()):
                    yield f"{name}: a test gives {metric} with labels {sorted(own)}, never seen so"
        for one in quiet_cases(case):
            given = {series_of(series)[0] for series in one.get("given") or {}}
            if not given & used:
                yield f"{name}: a quiet test without any series that the alert looks at"


def check_alertmanager(config, alerts, cases):
    def named(matchers):
        for matcher in matchers:
            match = re.fullmatch(r'\s*(\w+)\s*(=~|=)\s*"(.*)"\s*', matcher)
            if match and match.group(1) == "alertname":
                return match.group(3).split("|")
        return []

    for route in config["route"].get("routes", []):
        for name in named(route.get("matchers", [])):
            if name not in alerts:
                yield f"alertmanager.yml: a route for {name}, which is no alert"
    for rule in config.get("inhibit_rules", []):
        sources, targets = named(rule["source_matchers"]), named(rule["target_matchers"])
        if not sources or not targets:
            yield f"alertmanager.yml: an inhibition that names no alerts: {rule}"
        for name in [*sources, *targets]:
            if name not in alerts:
                yield f"alertmanager.yml: an inhibition with {name}, which is no alert"
            for one in cases.get(name, {}).get("fires") or []:
                labels = {*one.get("labels", {}), *alerts.get(name, {}).get("labels", {})}
                for label in set(rule.get("equal", ())) - labels:
                    yield f"alertmanager.yml: inhibition by {label}, which {name} has not"
        for name in set(sources) & set(targets):
            yield f"alertmanager.yml: {name} keeps itself quiet"


# ---- promtool's tests, from the cases ----------------------------------------------------------

EVALUATION_SECONDS = 10
# How long an alert has to stay quiet where there is nothing at all: longer than any `for`.
SILENCE_SECONDS = 1800
UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text):
    parts = re.findall(r"(\d+)([smh])", str(text))
    if "".join(number + unit for number, unit in parts) != str(text):
        raise SystemExit(f"not a time: {text}")
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def go_number(value, digits=None):
    """As Go prints a float: %v, or %.<digits>g."""
    text = f"{value:.{digits}g}" if digits else repr(float(value)).removesuffix(".0")
    return text


def humanize(value):
    if value == 0:
        return "0"
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return go_number(value / factor, 4) + prefix
    if abs(value) >= 1:
        return go_number(value, 4)
    prefix = ""
    for prefix in ("m", "u", "n"):
        value *= 1000
        if abs(value) >= 1:
            break
    return go_number(value, 4) + prefix


def humanize_duration(value):
    if abs(value) < 60:
        if abs(value) >= 1 or value == 0:
            return go_number(value, 4) + "s"
        return humanize(value) + "s"
    whole = int(value)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    text = f"{minutes}m {whole % 60}s"
    if days or hours:
        text = f"{hours}h {text}"
    return f"{days}d {text}" if days else text


FILTERS = {
    None: go_number,
    "humanize": humanize,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": lambda value: go_number(value * 100, 4) + "%",
    'printf "%.0f"': lambda value: f"{value:.0f}",
}


def render(template, labels, value):
    """The few things that our annotations make use of. A label that does not exist is an error."""

    def replace(match):
        label, function = match.group(1), match.group(2)
        if label:
            return labels[label]
        return FILTERS[function](value)

    text = re.sub(
        r"\{\{ (?:\$labels\.(\w+)|\$value(?: \| ([^}]+))?) \}\}", replace, template
    )
    if "{{" in text:
        raise KeyError(f"a template that the checker cannot read: {text}")
    return text


def expected(rule, one):
    """The alerts of a case: one, or those that it lists as `each`."""
    alerts = []
    for alert in one.get("each") or [one]:
        labels = {k: str(v) for k, v in (alert.get("labels") or {}).items()}
        labels.update(rule["labels"])
        value = float(alert.get("value", 0))
        annotations = {k: render(text, labels, value) for k, text in rule["annotations"].items()}
        alerts.append({"exp_labels": labels, "exp_annotations": annotations})
    return alerts


def promtool_test(name, title, given, moments):
    """moments: [(second, expected alerts)]"""
    return {
        "name": f"{name}: {title}",
        "interval": f"{EVALUATION_SECONDS}s",
        "input_series": [
            {"series": series, "values": str(values)} for series, values in (given or {}).items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{moment}s", "alertname": name, "exp_alerts": alerts}
            for moment, alerts in moments
        ],
    }


def moments_of(rule, one):
    """Two evaluations before it fires, and when it does. Two, because a window like [5m] holds a
    sample more in Prometheus 2 than in 3, and the cases are to hold in both."""
    begin = seconds(one["from"])
    before = begin - 2 * EVALUATION_SECONDS
    return [(before, [])] * (before >= 0) + [(begin, expected(rule, one))]


def tests_of(name, rule, case):
    """Throws KeyError where an annotation needs a label that the alert has not."""
    for one in case.get("fires") or []:
        moments = moments_of(rule, one)
        if "until" in one:
            end = seconds(one["until"])
            moments += [(end - EVALUATION_SECONDS, expected(rule, one)), (end, [])]
        yield promtool_test(name, "fires", one.get("given"), moments)
    for one in quiet_cases(case):
        title = "quiet, " + one["because"]
        yield promtool_test(name, title, one.get("given"), [(seconds(one["at"]), [])])
    silence = case.get("no_series")
    if silence == "quiet":
        yield promtool_test(name, "no series", None, [(SILENCE_SECONDS, [])])
    elif silence:
        yield promtool_test(name, "no series", None, moments_of(rule, silence))


def write_tests(folder, groups, cases):
    """promtool's files: for each alert its tests and the rules that it needs. One file for all
    would have promtool evaluate every rule in every test, which takes minutes. Returns their
    names."""
    files = []
    recording = [group for group in groups if not any("alert" in r for r in group["rules"])]
    for group in groups:
        for rule in group["rules"]:
            name = rule.get("alert")
            if name not in cases:
                continue
            needed = [*recording, {"name": group["name"], "rules": [rule]}]
            rules, tests = folder / f"{name}.rules.yml", folder / f"{name}.yml"
            content = {
                "rule_files": [rules.name],
                "evaluation_interval": f"{EVALUATION_SECONDS}s",
                # Else promtool takes groups in any order, and alerts see recorded sums late.
                "group_eval_order": [one["name"] for one in needed],
                "tests": list(tests_of(name, rule, cases[name])),
            }
            rules.write_text(yaml.safe_dump({"groups": needed}, width=1000), encoding="utf-8")
            tests.write_text(
                yaml.safe_dump(content, width=1000, sort_keys=False), encoding="utf-8"
            )
            files.append(tests)
    return files


def run_tool(*arguments):
    command = [str(TOOLS / arguments[0]), *map(str, arguments[1:])]
    if not Path(command[0]).exists():
        raise SystemExit(f"{arguments[0]} is missing: run scripts/setup.sh")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def run_promtool_tests(groups, cases):
    with tempfile.TemporaryDirectory() as folder:
        return run_tool("promtool", "test", "rules", *write_tests(Path(folder), groups, cases))


def check_with_tools(groups, cases):
    for arguments in (
        ("promtool", "check", "config", PROMETHEUS / "prometheus.yml"),
        ("promtool", "check", "rules", *rule_files()),
        ("amtool", "check-config", ALERTMANAGER),
    ):
        status, output = run_tool(*arguments)
        if status != 0:
            yield f"{arguments[0]} {arguments[1]}:\n{output}"
    try:
        status, output = run_promtool_tests(groups, cases)
    except KeyError as missing:
        yield f"an annotation uses what its alert has not: {missing}"
        return
    if status != 0:
        yield f"promtool test rules:\n{output}"


# ---- breaking alerts on purpose ----------------------------------------------------------------

COMPARISON = re.compile(r"(?<![<>=!])(==|!=|<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)(?![\w.])")


def comparisons(rule):
    return list(COMPARISON.finditer(str(rule["expr"])))


def with_threshold(expression, index, change):
    match = list(COMPARISON.finditer(expression))[index]
    return expression[: match.start()] + change(*match.groups()) + expression[match.end() :]


def stricter(operator, number):
    """Fires less often: a `fires` test has to fail."""
    number = float(number)
    if operator in ("==", "!="):
        return f"== {number + 1e9}"
    if operator.startswith(">"):
        return f"> {number * 2 if number else 1e9}"
    return f"< {number / 2 if number else -1e9}"


def laxer(operator, number):
    """Fires more often: a `quiet` test, or the one before it fires, has to fail."""
    number = float(number)
    if operator == "==":
        return ">= -1e9"
    if operator == "!=":
        return ">= -1e9"
    if operator.startswith(">"):
        return f"> {number / 2}" if number else ">= 0"
    return f"< {number * 2}" if number else "<= 0"


def mutations(alerts, cases):
    """[(what is done, {alert: changed rule})]: each of these alerts has to fail a test."""

    def changed(name, **fields):
        rule = copy.deepcopy(alerts[name])
        rule.update(fields)
        return {key: value for key, value in rule.items() if value is not None}

    yield "never fires", {name: changed(name, expr="vector(1) == 2") for name in alerts}
    always = {name for name in alerts if quiet_cases(cases[name])}
    yield "always fires", {
        name: changed(name, expr="vector(1)", **{"for": None}) for name in always
    }
    waiting = {name for name in alerts if "for" in alerts[name]}
    yield "does not wait", {name: changed(name, **{"for": None}) for name in waiting}
    yield "waits longer", {
        name: changed(name, **{"for": f"{seconds(alerts[name]['for']) + 20}s"}) for name in waiting
    }
    for index in range(max(len(comparisons(rule)) for rule in alerts.values())):
        for title, change in (("stricter", stricter), ("laxer", laxer)):
            yield f"threshold {index + 1} {title}", {
                name: changed(name, expr=with_threshold(str(rule["expr"]), index, change))
                for name, rule in alerts.items()
                if len(comparisons(rule)) > index
            }


def check_mutations(groups, cases):
    alerts = alerts_of(groups)
    count = 0
    for title, changes in mutations(alerts, cases):
        broken = copy.deepcopy(groups)
        for group in broken:
            group["rules"] = [changes.get(rule.get("alert"), rule) for rule in group["rules"]]
        changed_cases = {name: cases[name] for name in changes}
        _, output = run_promtool_tests(broken, changed_cases)
        noticed = set(re.findall(r"alertname: ?(\w+)", output))
        count += len(changes)
        for name in sorted(set(changes) - noticed):
            yield f"{name}: no test notices when it is broken: {title}"
    print(f"{count} broken alerts")


# ---- the repository ----------------------------------------------------------------------------


def check_repository():
    groups = load_groups()
    alerts, records, cases = alerts_of(groups), records_of(groups), load_cases()
    known = known_metrics()
    jobs = [job["job_name"] for job in load(PROMETHEUS / "prometheus.yml")["scrape_configs"]]
    runbook = RUNBOOK.read_text(encoding="utf-8")
    yield from check_alert_texts(alerts)
    yield from check_runbook(alerts, runbook)
    configuration = (ROOT / "docs/CONFIGURATION.md").read_text(encoding="utf-8")
    yield from check_exit_codes(configuration, runbook)
    yield from check_links(runbook, lambda name: (ROOT / "docs" / name).read_text("utf-8"))
    yield from check_metrics(groups, known, jobs)
    yield from check_cases(alerts, records, cases, known)
    yield from check_alertmanager(load(ALERTMANAGER), alerts, cases)
    yield from check_with_tools(groups, cases)
    print(f"{len(alerts)} alerts, {len(records)} recorded sums, {len(jobs)} jobs")


def report(findings):
    count = 0
    for finding in findings:
        count += 1
        print(finding)
    print(f"{count} findings")
    return 1 if count else 0


def main(arguments):
    if arguments == ["--self-test"]:
        unittest.main(argv=sys.argv[:1])
    if arguments == ["--mutate"]:
        return report(check_mutations(load_groups(), load_cases()))
    if arguments[:1] == ["--write-tests"] and len(arguments) == 2:
        folder = Path(arguments[1])
        folder.mkdir(parents=True, exist_ok=True)
        print(*write_tests(folder, load_groups(), load_cases()), sep="\n")
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    return report(check_repository())


# ---- the self-test -----------------------------------------------------------------------------


class Checks(unittest.TestCase):
    """Every check is shown what it must find and what it must let pass."""

    RULE = {
        "alert": "QueueFull",
        "expr": 'queue{job="a", kind="x"} > 8',
        "for": "1m",
        "labels": {"severity": "warning"},
        "annotations": {
            "summary": "{{ $labels.kind }} is full",
            "description": "It holds {{ $value }}.",
            "runbook_url": "docs/RUNBOOK.md#queuefull",
        },
    }
    CASE = {
        "fires": [
            {
                "given": {'queue{job="a",kind="x"}': "0x5 9x20"},
                "from": "2m",
                "labels": {"job": "a", "kind": "x"},
                "value": "9",
            }
        ],
        "quiet": [
            {"because": "not full", "given": {'queue{job="a",kind="x"}': "7x30"}, "at": "4m"},
            {"because": "a burst", "given": {'queue{job="a",kind="x"}': "9x3 7x30"}, "at": "2m"},
        ],
        "no_series": "quiet",
    }
    KNOWN = {"queue": {frozenset({"kind"})}}

    def rule(self, **changes):
        return {**copy.deepcopy(self.RULE), **changes}

    def assert_finds(self, findings, part):
        found = list(findings)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def metric_findings(self, expr):
        return check_metrics([{"rules": [self.rule(expr=expr)]}], self.KNOWN, ["a", "ab"])

    def case_findings(self, **changes):
        case = {**copy.deepcopy(self.CASE), **changes}
        return check_cases({"QueueFull": self.RULE}, {}, {"QueueFull": case}, self.KNOWN)

    def test_texts(self):
        self.assertEqual(list(check_alert_texts({"QueueFull": self.RULE})), [])
        annotations = self.RULE["annotations"]
        for changes, part in (
            ({"labels": {}}, "severity"),
            ({"labels": {"severity": "page"}}, "severity"),
            ({"annotations": {**annotations, "description": ""}}, "no description"),
            ({"annotations": {**annotations, "summary": "a", "description": "b"}}, "neither"),
            ({"annotations": {**annotations, "runbook_url": "docs/RUNBOOK.md"}}, "runbook_url"),
        ):
            with self.subTest(part=part):
                self.assert_finds(check_alert_texts({"QueueFull": self.rule(**changes)}), part)

    def test_runbook_both_ways(self):
        alerts = {"QueueFull": self.RULE}
        self.assertEqual(list(check_runbook(alerts, "## A\n\n### QueueFull\n\ntext\n")), [])
        self.assert_finds(check_runbook(alerts, "## QueueFull\n"), "no entry")
        self.assert_finds(check_runbook(alerts, "### QueueFull\n### Other\n"), "no alert")
        self.assert_finds(check_runbook(alerts, "### QueueFull\n### QueueFull\n"), "more than one")

    def test_links(self):
        document = "## P2. A `chain`: of_x\n```sh\n# No heading\n```\n"
        text = document + "[a](#p2-a-chain-of_x) [b](B.md#c)\n"
        self.assertEqual(list(check_links(text, lambda name: {"B.md": "# C\n"}[name])), [])
        self.assert_finds(check_links(text, lambda name: "# D\n"), "B.md#c")
        self.assert_finds(check_links(document + "[a](#no-heading)\n", str), "#no-heading")

    def test_exit_codes(self):
        table = "| code | name |\n| 5 | `bad` | text |\n"
        self.assertEqual(list(check_exit_codes(table, "\n| 5 `bad` | no |\n")), [])
        self.assert_finds(check_exit_codes(table, "\n| 6 `bad` | no |\n"), "exit code 5")
        self.assert_finds(check_exit_codes("nothing", ""), "no table")

    def test_series_of_expressions(self):
        for expression, expected_series in (
            ("a > 0", [("a", {})]),
            ('sum by (b) (rate(a{d=~"e|f", g!="h"}[5m])) * 6', [("a", {"d": "e|f", "g": "h"})]),
            ("a unless on (b) c and d", [("a", {}), ("c", {}), ("d", {})]),
            ("x:a:sum / on (b) (max_over_time(y[1h])) > 1e3", [("x:a:sum", {}), ("y", {})]),
            ("vector(0) or time() - a", [("a", {})]),
        ):
            with self.subTest(expression=expression):
                self.assertEqual(selectors(expression), expected_series)

    def test_metrics_labels_and_jobs(self):
        self.assertEqual(list(self.metric_findings(self.RULE["expr"])), [])
        self.assertEqual(list(self.metric_findings('up{job=~"a.?"} == 0')), [])
        self.assert_finds(self.metric_findings("queues > 8"), "nobody has")
        self.assert_finds(self.metric_findings('queue{kin="x"} > 8'), "no label kin")
        self.assert_finds(self.metric_findings('queue{job="b"} > 8'), "no job b")

    def test_metric_tables(self):
        text = "| `a_total` | counter | `x,y` | Text |\n| `b_seconds` | histogram |  | Text |\n"
        known = kstream_metrics(text)
        self.assertEqual(known["a_total"], {frozenset({"x", "y"})})
        self.assertEqual(known["b_seconds_bucket"], {frozenset({"le"})})
        self.assertEqual(known["b_seconds_sum"], {frozenset()})
        self.assertEqual(
            seen_metrics("# a\nc x,y\nc\n"), {"c": {frozenset({"x", "y"}), frozenset()}}
        )

    def test_cases(self):
        self.assertEqual(list(self.case_findings()), [])
        self.assert_finds(self.case_findings(fires=[]), "`fires`")
        self.assert_finds(self.case_findings(quiet=[]), "`quiet`")
        self.assert_finds(self.case_findings(no_series=None), "`no_series`")
        never_seen = [{**self.CASE["fires"][0], "given": {'queue{job="a"}': "9x30"}}]
        self.assert_finds(self.case_findings(fires=never_seen), "never seen so")
        beside = [{"because": "b", "given": {'up{job="a"}': "1x9"}, "at": "1m"}]
        self.assert_finds(self.case_findings(quiet=beside), "without any series")
        self.assert_finds(check_cases({"QueueFull": self.RULE}, {}, {}, self.KNOWN), "no tests")
        self.assert_finds(check_cases({}, {}, {"QueueFull": self.CASE}, self.KNOWN), "no alert")

    def test_inhibition(self):
        alerts = {name: self.RULE for name in ("QueueFull", "QueueSlow")}
        cases = {name: self.CASE for name in alerts}

        def findings(source, target, **more):
            rule = {
                "source_matchers": [f'alertname = "{source}"'],
                "target_matchers": [f'alertname =~ "{target}"'],
                **more,
            }
            return check_alertmanager({"route": {}, "inhibit_rules": [rule]}, alerts, cases)

        self.assertEqual(list(findings("QueueFull", "QueueSlow", equal=["kind"])), [])
        self.assert_finds(findings("QueueGone", "QueueSlow"), "no alert")
        self.assert_finds(findings("QueueFull", "QueueSlow|QueueGone"), "no alert")
        self.assert_finds(findings("QueueFull", "QueueFull|QueueSlow"), "itself")
        found = list(findings("QueueFull", "QueueSlow", equal=["stage"]))
        self.assertEqual(len(found), 2, found)
        route = {"routes": [{"matchers": ['alertname = "QueueGone"']}]}
        self.assert_finds(check_alertmanager({"route": route}, alerts, cases), "no alert")

    def test_rendering_is_that_of_prometheus(self):
        for template, value, text in (
            ("{{ $value }}", 3, "3"),
            ("{{ $value }}", 0.25, "0.25"),
            ("{{ $value | humanize }}", 12100, "12.1k"),
            ("{{ $value | humanize }}", 0.05, "50m"),
            ("{{ $value | humanizeDuration }}", 90, "1m 30s"),
            ("{{ $value | humanizeDuration }}", 3.5, "3.5s"),
            ("{{ $value | humanizePercentage }}", 0.08, "8%"),
            ('{{ $value | printf "%.0f" }}', 3.03, "3"),
            ("{{ $labels.kind }}", 0, "x"),
        ):
            with self.subTest(template=template):
                self.assertEqual(render(template, {"kind": "x"}, value), text)
        with self.assertRaises(KeyError):
            render("{{ $labels.kin }}", {"kind": "x"}, 0)
        with self.assertRaises(KeyError):
            render("{{ $value | title }}", {}, 0)

    def promtool(self, rule, case):
        groups = [{"name": "queues", "rules": [rule]}]
        return run_promtool_tests(groups, {"QueueFull": case})

    def test_promtool_judges_the_cases(self):
        self.assertEqual(self.promtool(self.RULE, self.CASE)[0], 0)
        for changes in (
            {"expr": 'queue{job="a"} > 9'},
            {"expr": 'queue{job="a"} > 6'},
            {"for": "30s"},
            {"for": "2m"},
            {"expr": 'queue{job="a"} > 8 or vector(1)'},
        ):
            with self.subTest(changes=changes):
                status, output = self.promtool(self.rule(**changes), self.CASE)
                self.assertNotEqual(status, 0)
                self.assertIn("QueueFull", output)
        wrong_text = {**self.CASE, "fires": [{**self.CASE["fires"][0], "value": "8"}]}
        self.assertNotEqual(self.promtool(self.RULE, wrong_text)[0], 0)

    def test_mutations_find_a_test_that_is_too_weak(self):
        groups = [{"name": "queues", "rules": [self.RULE]}]
        self.assertEqual(list(check_mutations(groups, {"QueueFull": self.CASE})), [])
        far = copy.deepcopy(self.CASE)
        far["fires"][0].update(given={'queue{job="a",kind="x"}': "0x5 99x20"}, value="99")
        self.assert_finds(check_mutations(groups, {"QueueFull": far}), "threshold 1 stricter")
        far = copy.deepcopy(self.CASE)
        far["quiet"][0]["given"] = {'queue{job="a",kind="x"}': "0x30"}
        far["quiet"][1]["given"] = {'queue{job="a",kind="x"}': "9x3 0x30"}
        far["fires"][0]["given"] = {'queue{job="a",kind="x"}': "0x5 9x20"}
        self.assert_finds(check_mutations(groups, {"QueueFull": far}), "threshold 1 laxer")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
