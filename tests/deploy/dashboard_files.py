"""Reads Grafana's dashboard files for the programs that judge them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "grafana" / "dashboards"

VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]")
LABEL_VALUES = re.compile(
    r"label_values\(\s*(?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)\s*$", re.DOTALL
)


@dataclass(frozen=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: dict
    model: dict

    @property
    def expr(self):
        return self.model.get("expr", "")

    @property
    def name(self):
        return f"{self.dashboard}: '{self.panel.get('title')}' {self.model.get('refId')}"


def load(folder=FOLDER):
    """{path: model} of every dashboard in a folder."""
    return {path: json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))}


def panels(model):
    """All panels but the rows, those of collapsed rows too."""
    for panel in model.get("panels", []):
        if panel.get("type") == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def targets(model):
    for panel in panels(model):
        for target in panel.get("targets", []):
            yield Target(model.get("uid"), panel, target)


def variables(model, kind=None):
    found = model.get("templating", {}).get("list", [])
    return [variable for variable in found if kind in (None, variable.get("type"))]


def annotations(model):
    """Those that ask Prometheus."""
    return [a for a in model.get("annotations", {}).get("list", []) if "expr" in a]


def variable_query(variable):
    """(series selector or '', label) of a label_values() query; None when it is another one."""
    query = variable.get("query")
    text = query.get("query", "") if isinstance(query, dict) else query or ""
    match = LABEL_VALUES.match(text)
    return (match["selector"] or "", match["label"]) if match else None


def used_variables(text):
    return {a or b or c for a, b, c in VARIABLE.findall(text)}


def initial_values(model, **macros):
    """What each variable stands for when the dashboard is opened, as Grafana writes it into a
    regular expression; macros: the values of $__rate_interval and its like."""
    values = {f"__{name}": value for name, value in macros.items()}
    for variable in variables(model):
        current = variable.get("current", {}).get("value")
        chosen = current if isinstance(current, list) else [current]
        if "$__all" in chosen:
            values[variable["name"]] = variable.get("allValue") or ".*"
        else:
            escaped = [re.sub(r"([\\.*+?()|\[\]{}^$])", r"\\\\\1", str(one)) for one in chosen]
            values[variable["name"]] = (
                f"({'|'.join(escaped)})" if len(escaped) > 1 else escaped[0]
            )
    return values


def substitute(text, values):
    """text with its variables replaced; an unknown one is an error of the dashboard."""

    def value(match):
        name = match[1] or match[2] or match[3]
        if name not in values:
            raise KeyError(f"unknown variable ${name}")
        return values[name]

    return VARIABLE.sub(value, text)
