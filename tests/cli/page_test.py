#!/usr/bin/env python3
"""The status page in a real browser, of a process that finds no cluster, until it is killed."""

import json
import unittest

from browser import CHROMIUM, Browser
from http_test import running
from support import TIMEOUT_S, BinaryTest

WORD = "document.getElementById('verdict-word').textContent"
WHY = "document.getElementById('verdict-why').textContent"

# What a job with windows says: /status of its two loops, and /state.
QUANTILES = {"p50": None, "p90": None, "p99": None, "count": 0}
LOOP = {
    "worker": 0, "joined": True, "caught_up": True, "partitions": [], "rates": {}, "phases": None,
    "commit_seconds": QUANTILES, "append_to_commit_seconds": QUANTILES, "last_commit_time": None,
    "last_commit_age_seconds": None, "transactions": {}, "bad_records": {}, "late": 0,
    "open_windows": None,
}  # fmt: skip
STATUS = {
    "command": "aggregate", "application_id": "daily", "version": "1", "http": "", "healthy": True,
    "ready": True, "uptime_seconds": 1, "rate_window_seconds": 5, "produce": None, "clients": [],
    "unassigned": [],
    "loops": [{**LOOP, "stage": "map", "late": 5}, {**LOOP, "stage": "totals", "open_windows": 3}],
}  # fmt: skip
WINDOWS = {
    "open": 3, "closed": 4000, "late": 5, "future": 2, "clock": None, "held_back_by": 2,
    "sources": [
        {"partition": 0, "watermark": 1794283200, "idle": False},
        {"partition": 1, "watermark": 1794279600, "idle": True},
        {"partition": 2, "watermark": None, "idle": None},
    ],
}  # fmt: skip


def answering(windows):
    """A script by which the page is told this, whoever serves it."""
    state = {"entries": [], "keys": 3, "graph": None, "peers": [], "windows": windows}
    return ("window.fetch = async (path) => ({ok: true, status: 200, text: async () => "
            f"JSON.stringify(path === '/status' ? {json.dumps(STATUS)} : {json.dumps(state)})}})")


def rows_of(browser, box):
    """[[text]] of a list of the page."""
    return browser.evaluate(f"[...document.querySelectorAll('#{box} .row')].map("
                            "(row) => [...row.children].map((one) => one.textContent))")


@unittest.skipUnless(CHROMIUM, "needs chromium")
class Page(BinaryTest):
    def test_it_says_how_it_is_and_when_nobody_answers(self):
        with running("aggregate") as (process, port), Browser() as browser:
            browser.look_through("wide", "light")
            browser.open(f"http://127.0.0.1:{port}/")
            browser.wait_for(f"{WORD} === 'Not ready'")
            self.assertIn("starting", browser.evaluate(WHY))
            # The page's own style and script were let through by its policy, and nothing else.
            self.assertEqual(browser.evaluate("getComputedStyle(document.body).margin"), "0px")
            self.assertEqual(browser.complaints, [])
            browser.evaluate("document.body.append(Object.assign(document.createElement("
                             "'script'), {textContent: 'window.broken = true'}))")
            self.assertIsNone(browser.evaluate("window.broken"))
            browser.complaints.clear()
            for view in ("phone", "wide"):
                browser.look_through(view, "dark")
                self.assertLessEqual(browser.evaluate("document.documentElement.scrollWidth"),
                                     browser.evaluate("window.innerWidth"), view)
            process.kill()
            process.wait(TIMEOUT_S)
            browser.wait_for(f"{WORD} === 'The process does not answer'")

    def test_it_says_which_partition_windows_wait_for(self):
        with running("aggregate") as (_, port), Browser() as browser:
            def shown(windows):
                browser.call("Page.addScriptToEvaluateOnNewDocument", source=answering(windows))
                browser.open(f"http://127.0.0.1:{port}/")
                browser.wait_for("!document.getElementById('windows-box').hidden")
                return rows_of(browser, "windows-sources")

            self.assertEqual(shown(WINDOWS), [["0", "", "", ""], ["1", "", "1 h 0 min", "idle"],
                                              ["2", "", "no time yet", "windows wait"]])
            note = "document.getElementById('windows-note').textContent"
            self.assertEqual(browser.evaluate(note), "none can close yet")
            self.assertEqual([value for _, value in rows_of(browser, "windows")],
                             ["3", "4,000", "5", "2"])
            self.assertIn(["too late for their windows", "5"], rows_of(browser, "outcomes"))
            # Nobody waits for an idle partition, nor where all are alike.
            sources = [{**one, "watermark": one["watermark"] or 1794283200}
                       for one in WINDOWS["sources"]]
            later = {**WINDOWS, "sources": sources, "clock": 1794279600, "held_back_by": 1}
            self.assertEqual(shown(later), [["0", "", "", ""], ["1", "", "1 h 0 min", "idle"],
                                            ["2", "", "", ""]])
            self.assertEqual(browser.evaluate(note), "closed up to 2026-11-10T03:00:00.000Z")
            alike = [{**one, "watermark": 1794283200, "idle": False} for one in sources]
            self.assertEqual(shown({**later, "sources": alike}),
                             [[str(p), "", "", ""] for p in range(3)])
            self.assertEqual(browser.complaints, [])

    def test_a_producer_has_a_page_of_its_own(self):
        with running("produce", "--count", "1") as (_, port), Browser() as browser:
            browser.open(f"http://127.0.0.1:{port}/")
            browser.wait_for(f"{WORD} === 'Not ready'")
            self.assertEqual(browser.evaluate("document.getElementById('job').textContent"),
                             "produce")
            self.assertEqual(browser.complaints, [])


if __name__ == "__main__":
    unittest.main()
