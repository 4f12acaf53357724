"""Virtual time: real time plus what tests have added. Every timeout of the double is measured on it."""

import asyncio
import time


class Clock:
    """Seconds since the epoch. `advance` wakes whoever sleeps on this clock."""

    def __init__(self, offset: float = 0.0):
        self.offset = offset
        self._stands_at: float | None = None
        self._moved = asyncio.Condition()

    def now(self) -> float:
        return (self._stands_at or time.time()) + self.offset

    def freeze(self, still: bool) -> None:
        """A still clock moves by `advance` only."""
        self.offset = self.now() - time.time()
        self._stands_at = time.time() if still else None

    def milliseconds(self) -> int:
        return int(self.now() * 1000)

    async def advance(self, seconds: float) -> None:
        async with self._moved:
            self.offset += seconds
            self._moved.notify_all()

    async def sleep_until(self, until: float) -> None:
        while (left := until - self.now()) > 0:
            async with self._moved:
                try:
                    await asyncio.wait_for(self._moved.wait(), left)
                except asyncio.TimeoutError:
                    pass

    def text(self, at: float | None) -> str:
        """As StarRocks prints points of time; the double's zone is UTC."""
        if at is None:
            return "NULL"
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
