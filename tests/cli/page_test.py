#!/usr/bin/env python3
"""The status page in a real browser, of a process that finds no cluster, until it is killed."""

import unittest

from browser import CHROMIUM, Browser
from http_test import running
from support import TIMEOUT_S, BinaryTest

WORD = "document.getElementById('verdict-word').textContent"
WHY = "document.getElementById('verdict-why').textContent"


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

    def test_a_producer_has_a_page_of_its_own(self):
        with running("produce", "--count", "1") as (_, port), Browser() as browser:
            browser.open(f"http://127.0.0.1:{port}/")
            browser.wait_for(f"{WORD} === 'Not ready'")
            self.assertEqual(browser.evaluate("document.getElementById('job').textContent"),
                             "produce")
            self.assertEqual(browser.complaints, [])


if __name__ == "__main__":
    unittest.main()
