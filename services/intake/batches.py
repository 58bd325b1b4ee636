"""Items that come while one transaction runs share the next one. A lone item waits for nobody."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.base.db import is_transient

I = TypeVar("I")  # noqa: E741 - an item, as in the signature of run
O = TypeVar("O")  # noqa: E741


class Batches(Generic[I, O]):
    """`put` gives an item's own result of `run`, which takes many items and gives their results in the same order.

    `rows` and `size` bound a batch; `weigh` says how much of `size` an item takes (one larger item goes alone). When a
    batch fails for good, halves find the item at fault; a passing failure fails the whole batch.
    """

    def __init__(
        self,
        run: Callable[[Sequence[I]], Awaitable[Sequence[O]]],
        *,
        weigh: Callable[[I], int],
        rows: int = 64,
        size: int = 8 << 20,
    ) -> None:
        self._run, self._weigh, self._rows, self._size = run, weigh, rows, size
        self._queue: deque[tuple[I, asyncio.Future[O]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def put(self, item: I) -> O:
        """The item's result. Raises what `run` raised for it."""
        done: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._queue.append((item, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await done

    async def _drain(self) -> None:
        while self._queue:
            await self._answer(self._take())

    def _take(self) -> list[tuple[I, asyncio.Future[O]]]:
        batch: list[tuple[I, asyncio.Future[O]]] = []
        size = 0
        while self._queue and len(batch) < self._rows:
            size += self._weigh(self._queue[0][0])
            if batch and size > self._size:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _answer(self, batch: Sequence[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not is_transient(error):
                await self._answer(batch[: len(batch) // 2])
                await self._answer(batch[len(batch) // 2 :])
                return
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(result)
