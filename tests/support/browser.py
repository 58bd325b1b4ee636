"""Pages as people see them: Debian's chromium, driven over its own protocol, with and without scripts."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
import websockets
from fastapi import FastAPI

from tests.support.programs import program

PHONE, DESKTOP = (375, 812), (1440, 900)
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-sync", "--disable-component-update", "--hide-scrollbars", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)  # fmt: skip
_AXE = """axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(
    v => [v.impact, v.id, v.help, v.nodes.map(n => n.html).slice(0, 3)])))"""


class Page:
    """One tab."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    async def call(self, method: str, **values: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": values}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    async def evaluate(self, script: str) -> Any:
        """What a script says on the page; a promise is waited for."""
        told = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(str(told["exceptionDetails"]))
        return told["result"].get("value")

    async def open(
        self,
        url: str,
        *,
        size: tuple[int, int] = DESKTOP,
        language: str = "en",
        cookies: Mapping[str, str] | None = None,
    ) -> None:
        """Go to a page and wait until it is there."""
        width, height = size
        await self.call("Network.clearBrowserCookies")
        for name, value in (cookies or {}).items():
            await self.call("Network.setCookie", name=name, value=value, url=url)
        await self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        await self.call("Page.navigate", url=url)
        await self.settled()

    async def settled(self) -> None:
        """Wait until the page has been read."""
        for _ in range(100):
            await asyncio.sleep(0.05)
            if await self.evaluate("document.readyState === 'complete' && location.href !== 'about:blank'"):
                return
        raise TimeoutError("the page did not come")

    async def until(self, script: str, *, seconds: float = 20, what: str = "") -> None:
        """Wait until a script says yes."""
        for _ in range(int(seconds * 20)):
            try:
                if await self.evaluate(f"!!({script})"):
                    return
            except RuntimeError:  # the page is just being left
                pass
            await asyncio.sleep(0.05)
        raise TimeoutError(what or script)

    async def press(self, key: str, *, ctrl: bool = False) -> None:
        """One key, as a person presses it."""
        text = key if len(key) == 1 and not ctrl else "\r" if key == "Enter" and not ctrl else ""
        named = {"key": key, "modifiers": 2 if ctrl else 0}
        if key == "Enter":
            named |= {"code": "Enter", "windowsVirtualKeyCode": 13}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    async def type(self, text: str) -> None:
        """Text into the field that has the focus."""
        await self.call("Input.insertText", text=text)

    async def picture(self, path: Path, *, most: int = 2400) -> None:
        """The whole page, at most `most` pixels of it from the top."""
        height = min(most, int(await self.evaluate("document.documentElement.scrollHeight")))
        width = int(await self.evaluate("document.documentElement.clientWidth"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    async def accessibility(self) -> list[tuple[str, str, str, list[str]]]:
        """What axe-core finds: impact, rule, what it is, and the elements."""
        await self.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
        return [tuple(finding) for finding in json.loads(await self.evaluate(_AXE))]

    async def overflows(self) -> bool:
        """Whether the page is wider than its window, so that a telephone's user would have to push it about."""
        return bool(await self.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@asynccontextmanager
async def browser(*, javascript: bool = True) -> AsyncIterator[Page]:
    """A chromium with one empty tab until the block ends. Skips the test when there is no chromium."""
    folder = Path(tempfile.mkdtemp(prefix="amends-chromium-"))
    process = _started(folder)
    try:
        address = await asyncio.to_thread(_address, folder / "DevToolsActivePort")
        async with websockets.connect(address, max_size=None) as whole:
            target = await Page(whole).call("Target.createTarget", url="about:blank")
        tab = address.replace(address[address.index("/devtools/") :], f"/devtools/page/{target['targetId']}")
        async with websockets.connect(tab, max_size=None) as socket:
            page = Page(socket)
            await page.call("Page.enable")
            await page.call("Network.enable")
            await page.call("Emulation.setScriptExecutionDisabled", value=not javascript)
            yield page
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _address(port_file: Path) -> str:
    for _ in range(300):
        if port_file.exists() and len(lines := port_file.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.1)
    raise TimeoutError("chromium did not start")


def _started(folder: Path) -> "subprocess.Popen[bytes]":
    command = [program("chromium", "chromium"), *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The application on a free port of loopback: its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
