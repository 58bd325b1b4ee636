"""The boards as a person sees them: Perses' panels over the Prometheus that watched the day (docs/pictures)."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.grafana import complaint
from deploy.grafana.files import BOARDS
from deploy.grafana.model import Board
from tests.boards.pictures import bundle, look, write_page
from tests.boards.resources import Rows
from tests.support.browser import browser
from tests.support.house import House
from tests.support.houses import Houses
from tests.support.prometheus import Prometheus
from tests.support.scale import FULL
from tests.support.watched import play_day, watched

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
PICTURES = Path(__file__).parents[2] / "docs/pictures"


async def unanswered(board: Board, prometheus: Prometheus) -> set[str]:
    """The panels for which Prometheus has nothing: they say their own words."""
    asked = [panel for panel in board.panels if panel.queries and not panel.queries[0].sql]
    return {panel.title for panel in asked if not any([await prometheus.ask(query.text) for query in panel.queries])}


async def told(board: Board, house: House) -> Mapping[str, Rows]:
    """What PostgreSQL says to the panels that ask it, of a complaint that has come to its end."""
    ((reference,),) = await house.query("SELECT reference FROM routing.case_file WHERE state = 'closed' LIMIT 1")
    return {
        panel.title: [dict(row) for row in await house.query(
            panel.queries[0].text.replace("${reference:sqlstring}", f"'{reference}'")
        )]
        for panel in board.panels
        if panel.queries and panel.queries[0].sql
    }  # fmt: skip


async def test_every_board_is_drawn(houses: Houses, tmp_path: Path) -> None:
    script = await asyncio.to_thread(bundle)
    shutil.copy(script, tmp_path / "board.js")
    async with houses("boards") as house, watched(house) as prometheus, browser() as page:
        began = await prometheus.now()
        await play_day(house, prometheus)
        await asyncio.sleep(20)  # so that lines go on for a while behind the day
        ended = await prometheus.now()
        for board in BOARDS:
            tables = await told(board, house) if board is complaint.BOARD else {}
            write_page(
                tmp_path, board, empty=await unanswered(board, prometheus), tables=tables, times=(began, ended),
                url=str(prometheus.client.base_url),
            )  # fmt: skip
            name = board.uid.replace("amends-", "board-")
            picture = (PICTURES if FULL else tmp_path) / f"{name}.png"
            panels = await look(page, (tmp_path / f"{board.uid}.html").as_uri(), picture)
            assert [head.strip() for head, _, _ in panels] == [panel.title for panel in board.panels]
            assert [text for _, _, text in panels if "No data" in text] == []
            assert picture.stat().st_size > 20_000
