"""A listening address: its port, its TLS and the tasks that serve its connections."""

import asyncio


class Listener:
    """A subclass says in `serve` what one connection does."""

    read_limit = 1 << 16  # bytes that wait in a reader before the peer has to

    def __init__(self) -> None:
        self.port = 0
        self.tls = None
        self.server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task] = set()

    async def serve(self, reader, writer) -> None:
        raise NotImplementedError

    async def start(self, port: int) -> None:
        self.server = await asyncio.start_server(
            self._accept, "127.0.0.1", port, limit=self.read_limit, ssl=self._tls_from_the_start())
        self.port = self.server.sockets[0].getsockname()[1]

    def _tls_from_the_start(self):
        return self.tls

    async def _accept(self, reader, writer) -> None:
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            await self.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.tasks.discard(task)

    async def stop(self) -> None:
        """Closes the address and cuts whoever is connected."""
        if self.server is not None:
            self.server.close()
            self.server = None
        for task in [task for task in self.tasks if task is not asyncio.current_task()]:
            task.cancel()
