"""Headless Chromium over the DevTools protocol, and a static server: what the page's tests need."""

import base64
import contextlib
import functools
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    "--hide-scrollbars",
]
SECONDS = 120.0


def find():
    """Returns the path of Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serve(folder):
    """Yields the URL of a plain static server, the one of `python -m http.server`."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Tab:
    """One page: commands by name, and what the page complained of or asked for.

    Attributes:
        complaints: Errors and warnings of the console, uncaught exceptions, failed loads.
        requests: URLs of all requests.
    """

    def __init__(self, url):
        import websocket

        self._socket = websocket.create_connection(url, timeout=SECONDS)
        self._number = 0
        self.complaints, self.requests = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Sends a command and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._hear(answer.get("method"), answer.get("params", {}))

    def _hear(self, event, given):
        if event == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(given["args"]))
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(given["exceptionDetails"]))
        elif event == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(str(given["entry"]))
        elif event == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])

    def value(self, expression):
        """Returns what a JavaScript expression gives; a promise is awaited."""
        options = {"awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression, seconds=SECONDS):
        """Waits until an expression is true and returns its value."""
        end = time.monotonic() + seconds
        while not (value := self.value(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression} after {seconds} s. Heard: {self.complaints}")
            time.sleep(0.1)
        return value

    def size(self, width, height, dark=False):
        """Sets the window's size in CSS pixels, and the colour scheme."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def centre(self, selector):
        """Scrolls an element into view and returns its [left, top, width, height]."""
        return self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()"
        )

    def drag(self, selector, *places):
        """Presses, moves and releases the mouse at shares (x, y) of an element; one is a click."""
        left, top, width, height = self.centre(selector)
        points = [(left + x * width, top + y * height) for x, y in places]
        kinds = [("mousePressed", points[0])]
        kinds += [("mouseMoved", point) for point in points[1:]]
        for kind, (x, y) in [*kinds, ("mouseReleased", points[-1])]:
            button = {"button": "left", "buttons": int(kind != "mouseReleased"), "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def click(self, selector):
        """Clicks in the middle of an element."""
        self.drag(selector, (0.5, 0.5))

    def press(self, key):
        """Presses and releases a key, "ArrowLeft" say."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def picture(self, path=None, whole=False):
        """Returns a PNG of the window or of the whole page, and writes it to `path`."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        content = base64.b64decode(answer["data"])
        if path:
            Path(path).write_bytes(content)
        return content


@contextlib.contextmanager
def open_tab(url):
    """Starts Chromium, opens `url` in a `Tab`, and ends Chromium."""
    profile = tempfile.mkdtemp(prefix="chromium-")
    command = [find(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet)
    try:
        tab = Tab(_debugger(Path(profile) / "DevToolsActivePort"))
        tab.call("Page.navigate", url=url)
        yield tab
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(profile, ignore_errors=True)


def _debugger(port_file):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.1)
        if not port_file.is_file() or not (lines := port_file.read_text().split()):
            continue
        with contextlib.suppress(OSError):
            answer = urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=30)
            pages = [page for page in json.load(answer) if page["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
    raise TimeoutError(f"Chromium did not answer in {SECONDS} s")
