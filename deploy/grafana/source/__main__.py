#!/usr/bin/env python3
"""Writes the dashboards from their sources: deploy/grafana/dashboards/*.json.

    python3 deploy/grafana/source           writes them
    python3 deploy/grafana/source --check   says whether the committed ones are what would be
                                            written; exit code 1 when not
"""

import argparse
import json
import sys
from pathlib import Path

import kafka
import kraft
import kstream
import monitoring
from grafana import dashboard_json

FOLDER = Path(__file__).resolve().parents[1] / "dashboards"
DASHBOARDS = [module.DASHBOARD for module in (kstream, kafka, kraft, monitoring)]


def main():
    parser = argparse.ArgumentParser(
        prog="deploy/grafana/source", description="Writes the dashboards from their sources."
    )
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    check_only = parser.parse_args().check

    texts = {
        FOLDER / f"{dashboard.uid}.json": json.dumps(dashboard_json(dashboard), indent=2) + "\n"
        for dashboard in DASHBOARDS
    }
    if not check_only:
        for path, text in texts.items():
            path.write_text(text)
        return 0
    present = {path: path.read_text() for path in FOLDER.glob("*.json")}
    differing = sorted(
        path.name
        for path in texts.keys() | present.keys()
        if texts.get(path) != present.get(path)
    )
    for name in differing:
        print(f"{name} is not what deploy/grafana/source makes: run python3 deploy/grafana/source")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
