"""Pictures of the boards: Perses' own panels in a page, its queries to a real Prometheus, drawn by chromium."""

import asyncio
import base64
import fcntl
import hashlib
import html
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.grafana.model import Board
from tests.boards.resources import Rows, dashboard
from tests.support.browser import Page
from tests.support.programs import program

HERE = Path(__file__).parent
LOCKED = ("package.json", "package-lock.json", ".npmrc")
WIDTH, HEIGHT = 1800, 4000
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body {{ background: #f4f5f7 }} header {{ padding: 20px 24px 4px; font-family: Lato, "DejaVu Sans", sans-serif }}
h1 {{ font-size: 24px; margin: 0 }} header p {{ margin: 6px 0 0; color: #555 }} #board {{ padding: 8px 16px 24px }}
#board table {{ border-collapse: collapse }} #board td, #board th {{ padding: 3px 14px 3px 0; text-align: left }}
[data-testid="panel"] header {{ padding: 4px 8px }}</style>
<header><h1>{title}</h1><p>{about}</p></header><div id="board"></div>
<script>window.BOARD = {board}</script><script src="board.js"></script>"""
# What a finished panel has: a drawing, a number or words; and nothing that still loads or went wrong.
_FINISHED = """(() => {
  const panels = [...document.querySelectorAll('[data-testid="panel"]')];
  const loading = document.querySelectorAll('.MuiSkeleton-root, [role="progressbar"]').length;
  return JSON.stringify({
    loading,
    wrong: [...document.querySelectorAll('[role="alert"]')].map(e => e.textContent),
    panels: panels.map(p => [p.querySelector('header')?.textContent ?? '', !!p.querySelector('canvas, svg, p, td'),
                             p.textContent]),
  });
})()"""


def bundle() -> Path:
    """The page's script, made once per lock in the user's cache. Skips without npm. Raises CalledProcessError."""
    npm = program("npm", "npm")
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in (*LOCKED, "page.jsx"))).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amends" / f"boards-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    script = cache / "board.js"
    with (cache / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not script.exists():
            for name in (*LOCKED, "page.jsx"):
                shutil.copy(HERE / name, cache / name)
            subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=cache, check=True)
            # The field is named so that no library is bundled twice, once as it is imported and once as it is required.
            made = ["--bundle", "--main-fields=module,main", "--minify", "--jsx=automatic"]
            made += ["--format=iife", "--outfile=making.js"]
            made += ["--define:process.env.NODE_ENV='production'", "--define:global=window"]
            made += ["--loader:.css=empty", "--log-level=error"]
            subprocess.run([cache / "node_modules/.bin/esbuild", "page.jsx", *made], cwd=cache, check=True)
            (cache / "making.js").rename(script)
            shutil.rmtree(cache / "node_modules")
    return script


def write_page(
    folder: Path, board: Board, *, empty: set[str], tables: Mapping[str, Rows], times: tuple[float, float], url: str
) -> Path:
    """The page of one board over `times` (Unix seconds), asking the Prometheus at `url`."""
    told = {"dashboard": dashboard(board, empty, tables), "start": times[0], "end": times[1], "url": url}
    page = folder / f"{board.uid}.html"
    text = json.dumps(told, default=str).replace("</", "<\\/")
    page.write_text(_PAGE.format(title=html.escape(board.title), about=html.escape(board.about), board=text))
    return page


async def look(page: Page, url: str, picture: Path) -> list[tuple[str, bool, str]]:
    """Open a board's page, wait until it is drawn, take its picture: per panel its head, whether there is something
    in it, and its text. Raises AssertionError when something went wrong on it, TimeoutError when it never ends."""
    await page.open(url, size=(WIDTH, HEIGHT))
    for _ in range(240):
        await page.evaluate("new Promise(done => setTimeout(done, 250))")
        seen = json.loads(await page.evaluate(_FINISHED))
        assert not seen["wrong"], seen["wrong"]
        if seen["panels"] and not seen["loading"] and all(drawn for _, drawn, _ in seen["panels"]):
            break
    else:
        raise TimeoutError(f"{url} is not drawn: {seen}")
    await page.evaluate("new Promise(done => setTimeout(done, 1500))")  # lines grow into their places
    height = int(await page.evaluate("document.getElementById('board').getBoundingClientRect().bottom"))
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(height, HEIGHT), "scale": 1}
    # Within the window: beyond it the page would be laid out anew, and panels would begin again.
    shot = await page.call("Page.captureScreenshot", format="png", clip=clip)
    await asyncio.to_thread(picture.write_bytes, base64.b64decode(shot["data"]))
    return [(head, drawn, text) for head, drawn, text in seen["panels"]]
