#!/usr/bin/env python3
"""A headless Chromium, spoken to over a pipe: what a person sees and what the browser complains of.

    browser.py URL FOLDER    pictures of the page after some seconds: wide and phone, light and dark
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The network of a test machine is closed: without these every start waits for hosts of the vendor.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"]
PATIENCE_S = 60

VIEWS = {
    "wide": {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    "phone": {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
}


class Browser:
    """One page. `complaints` are errors of scripts and of the content policy."""

    def __init__(self):
        self.complaints = []
        self._next = 0
        self._profile = tempfile.TemporaryDirectory(
            prefix="kstream-browser-", ignore_cleanup_errors=True)
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def place():  # Chromium reads from 3 and writes to 4
            os.dup2(to_read, 13)
            os.dup2(to_write, 14)
            os.dup2(13, 3)
            os.dup2(14, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=place, close_fds=False, start_new_session=True)
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        self._session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self.call(
            "Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self._process.pid, signal.SIGKILL)  # its own session: nothing but Chromium
        self._process.wait(PATIENCE_S)
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def _message(self, deadline):
        while b"\0" not in self._rest:
            left = max(0, deadline - time.monotonic())
            if not select.select([self._from], [], [], left)[0]:
                raise TimeoutError("Chromium does not answer")
            data = os.read(self._from, 1 << 20)
            if not data:
                raise EOFError("Chromium has ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        self._next += 1
        request = {"id": self._next, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._to, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            message = self._message(deadline)
            self._note(message)
            if message.get("id") == self._next:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def _note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.complaints.append(" ".join(
                str(a.get("description", a.get("value"))) for a in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["source"] == "security":
            self.complaints.append(parameters["entry"]["text"])

    def look_through(self, view, scheme):
        self.call("Emulation.setDeviceMetricsOverride", **VIEWS[view])
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def wait_for(self, script, seconds=30):
        """Until the script is true of the page."""
        deadline = time.monotonic() + seconds
        guarded = f"(() => {{ try {{ return {script}; }} catch {{ return false; }} }})()"
        while not self.evaluate(guarded):
            if time.monotonic() > deadline:
                text = self.evaluate("document.body.innerText")
                raise AssertionError(f"never true: {script}; the page says: {text}")
            time.sleep(0.05)

    def picture(self, path):
        """The page as high as it is, but no more than two screens of a phone."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        height = min(size["height"], 1400)
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": height,
                               "scale": 1})
        Path(path).write_bytes(base64.b64decode(shot["data"]))


def main(url, folder, seconds=30):
    with Browser() as browser:
        browser.look_through("wide", "light")
        browser.open(url)
        browser.wait_for("!document.getElementById('board').hidden")
        time.sleep(float(seconds))  # its curves need something to show
        for view in VIEWS:
            for scheme in ("light", "dark"):
                browser.look_through(view, scheme)
                time.sleep(1.5)
                browser.picture(Path(folder) / f"status-{view}-{scheme}.png")
        for complaint in browser.complaints:
            print(complaint, file=sys.stderr)
        return 1 if browser.complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
