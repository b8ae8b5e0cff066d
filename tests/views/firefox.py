"""Firefox without a driver: it is asked over Marionette, its own protocol, one JSON message after the other.

A message is its length in bytes, a colon, and JSON: [0, id, command, parameters], answered by [1, id, error, result].
The commands are those of WebDriver (https://www.w3.org/TR/webdriver2/).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
_PREFERENCES = {
    "app.update.enabled": False,
    "browser.download.folderList": 2,
    "browser.download.alwaysOpenPanel": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
# What the browser itself says of its own parts, and of a page that it left.
_SEEN = """
const said = Services.console.getMessageArray().filter((one) => one instanceof Ci.nsIScriptError)
    .filter((one) => one.sourceName.startsWith("file:") && !(one.flags & Ci.nsIScriptError.infoFlag))
    .map((one) => one.errorMessage);
Services.console.reset();
return said;
"""


class Firefox:
    """A headless Firefox with a profile of its own, which is gone at the end."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        preferences = {**_PREFERENCES, "marionette.port": port, "browser.download.dir": str(folder)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (folder / "user.js").write_text("".join(lines), encoding="utf-8")
        command = [str(FIREFOX), "--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
        self.process = subprocess.Popen(
            [*command, "--profile", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.count = 0
        self.socket = self._connect(port)
        self._read()  # what it says of itself
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})

    def _connect(self, port: int) -> socket.socket:
        for _ in range(240):
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=60)
            except OSError:
                time.sleep(0.25)
        self.process.kill()
        raise TimeoutError("Firefox did not open its port in a minute")

    def _read(self):
        length = b""
        while (letter := self.socket.recv(1)) != b":":
            length += letter
        data = b""
        while len(data) < int(length):
            data += self.socket.recv(int(length) - len(data))
        return json.loads(data)

    def ask(self, command: str, **parameters):
        """Send a command; return its result, or raise RuntimeError with what Firefox says."""
        self.count += 1
        message = json.dumps([0, self.count, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        if error is not None:
            raise RuntimeError(f"{command}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def run(self, script: str, *values):
        """Run a function's body in the page, beside its own scripts; return what it returns."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(values), newSandbox=True)

    def open(self, address: str, width: int = 1280, height: int = 800) -> None:
        """Open a page in a window of this size."""
        self.ask("WebDriver:SetWindowRect", width=width, height=height)
        self.ask("WebDriver:Navigate", url="about:blank")
        self.faults()
        self.ask("WebDriver:Navigate", url=address)

    def faults(self) -> list[str]:
        """Return the errors and warnings of the page since the last time."""
        self.ask("Marionette:SetContext", value="chrome")
        said = self.run(_SEEN)
        self.ask("Marionette:SetContext", value="content")
        return list(said)

    def act(self, *sources) -> None:
        """Perform actions of WebDriver."""
        self.ask("WebDriver:PerformActions", actions=list(sources))

    def move(self, x: float, y: float, *, click: bool = False) -> None:
        """Move the pointer to a point of the window, and click there."""
        steps: list[dict] = [{"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0}]
        steps += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp") if click]
        self.act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps})

    def close(self) -> None:
        """End it."""
        with suppress(OSError, RuntimeError, ValueError):
            self.ask("Marionette:Quit", flags=["eForceQuit"])
        self.socket.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
