"""Headless Chromium, for tests of pages."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from base64 import b64decode
from contextlib import contextmanager

import pytest

# Width and height in CSS pixels, and the device pixels in one of these.
SIZES = {"desktop": ((1280, 800), 1), "phone": ((390, 844), 3)}


class Browser:
    """Headless Chromium, driven through chromedriver by the W3C's WebDriver protocol.

    Parameters
    ----------
    folder : path
        An empty folder, for the browser's profile.
    size : tuple of int
        Width and height of what is shown, in CSS pixels.
    density : float
        Device pixels in a CSS pixel.
    """

    def __init__(self, folder, size, density):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        switches = ["headless", "no-sandbox", "disable-gpu", "no-first-run"]
        switches += ["disable-background-networking", "disable-component-update"]
        switches += ["disable-sync", f"user-data-dir={folder}"]
        options = {"args": switches, "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options}
        wanted["goog:loggingPrefs"] = {"browser": "ALL"}
        capabilities = {"alwaysMatch": wanted}
        try:
            wait_for(self._answers)
            session = self.call("/session", capabilities=capabilities)
        except BaseException:
            self.quit()
            raise
        self.address += f"/session/{session['sessionId']}"
        metrics = {"width": size[0], "height": size[1], "mobile": False}
        metrics["deviceScaleFactor"] = density
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        # They would take a strip of the photographs and hide what is below them.
        self.command("Emulation.setScrollbarsHidden", hidden=True)

    @classmethod
    @contextmanager
    def launch(cls, *args):
        """Start a browser and end it afterwards; skip the test where there is none."""
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        browser = cls(*args)
        try:
            yield browser
        finally:
            browser.quit()

    def _answers(self):
        try:
            return self.call("/status")
        except OSError:
            return False

    def call(self, path, **body):
        """Send a command, or ask where there is nothing to send."""
        data = json.dumps(body).encode() if body else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data, headers)
        return self._send(request)

    def _send(self, request):
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def command(self, name, **parameters):
        """Send a command of Chromium's own."""
        return self.call("/goog/cdp/execute", cmd=name, params=parameters)

    def run(self, script):
        """Give what a script returns."""
        return self.call("/execute/sync", script=script, args=[])

    def go(self, address):
        """Open a page."""
        self.call("/url", url=address)

    def text(self, selector):
        """Give the text of an element."""
        return self.run(f"return document.querySelector('{selector}').textContent")

    def box(self, selector):
        """Give left, top, width and height of an element."""
        return self.run(
            f"const box = document.querySelector('{selector}').getBoundingClientRect();"
            "return [box.left, box.top, box.width, box.height]"
        )

    def press(self, *keys):
        """Press keys, one after the other."""
        turns = [(kind, key) for key in keys for kind in ("keyDown", "keyUp")]
        actions = [{"type": kind, "value": key} for kind, key in turns]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.call("/actions", actions=[source])

    def errors(self):
        """Give the errors of the console since the last call."""
        log = self.call("/se/log", type="browser")
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def photograph(self, path):
        """Save a picture of the whole page, not only of what is in view."""
        picture = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(b64decode(picture["data"]))

    def quit(self):
        """End the browser and its driver."""
        try:
            if "/session/" in self.address:
                self._send(urllib.request.Request(self.address, method="DELETE"))
        finally:
            self.driver.terminate()
            self.driver.wait()


def wait_for(condition, seconds=30):
    """Wait until a condition holds, and give what it gave."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return result
