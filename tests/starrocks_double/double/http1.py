"""HTTP/1.1 on raw asyncio: the handler decides when 100 goes out, and a fault can cut the connection anywhere."""

import asyncio
import base64
import itertools
import json
import socket
import struct
import traceback
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from .faults import Fault, Faults, hang
from .listener import Listener

CHUNK = 1 << 20
REASONS = {200: "OK", 307: "Temporary Redirect", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
           400: "Bad Request", 431: "Request Header Fields Too Large", 500: "Internal Server Error"}


NEEDED = ("Status", "Message", "status", "msg")
OLD_NAMES = {"Status": "status", "Message": "msg"}


class Cut(Exception):
    """The connection ends here, without a word."""


class BodyCut(Exception):
    """The client's body ended early; `received` is what came."""

    def __init__(self, received: bytes):
        self.received = received


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    close: bool = False

    @staticmethod
    def json(record: dict, status: int = 200, close: bool = False) -> "Response":
        return Response(status, json.dumps(record, indent=4, ensure_ascii=False).encode(), close=close)

    def stripped(self, style: str) -> "Response":
        """The same answer of a server that says no more than it must: `bare`, or `lower` with the names of old FEs."""
        if style == "full" or self.content_type != "application/json" or self.status != 200:
            return self
        record = json.loads(self.body)
        if not isinstance(record, dict):
            return self
        if "state" in record:
            kept = {"state": record["state"]}
        else:
            kept = {name: value for name, value in record.items() if name in NEEDED and value != ""}
        if style == "lower":
            kept = {OLD_NAMES.get(name, name): value for name, value in kept.items()}
        return Response(self.status, json.dumps(kept).encode(), self.headers, self.content_type, self.close)

    @staticmethod
    def redirect(location: str) -> "Response":
        return Response(307, b"", {"Location": location}, "text/html; charset=UTF-8", close=True)

    def encode(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}", f"Content-Length: {len(self.body)}"]
        if self.body:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Connection: {'close' if self.close else 'keep-alive'}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


class Request:
    """One request. `op` names it for faults; the body is read only when a handler asks for it."""

    def __init__(self, connection: "Connection", method: str, target: str, version: str, headers: dict[str, str]):
        self.connection, self.method, self.target, self.version, self.headers = connection, method, target, version, headers
        parts = urlsplit(target)
        self.raw_path = parts.path
        self.segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.op = "other"
        self.table = ""
        self.body_bytes = 0
        self.sent_100 = False
        self.body_taken = False
        self.reads_body = False

    @property
    def label(self) -> str:
        return self.headers.get("label", self.query.get("label", ""))

    @property
    def expects(self) -> bool:
        return self.headers.get("expect", "").lower() == "100-continue"

    @property
    def has_body(self) -> bool:
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"

    def credentials(self) -> tuple[str, str] | None:
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        try:
            user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        return (user, password) if scheme.lower() == "basic" and colon else None

    async def body(self) -> bytes:
        """Sends 100 when the client waits for it, then takes all. Raises BodyCut when it ends early."""
        self.body_taken = True
        if self.expects and self.has_body:
            self.sent_100 = True
            await self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        received = bytearray()
        try:
            async for piece in self._pieces():
                received += piece
                self.body_bytes = len(received)
                await self.connection.body_faults(self, received)
        except (asyncio.IncompleteReadError, ConnectionError, Cut):
            raise BodyCut(bytes(received)) from None
        return bytes(received)

    async def before_acting(self) -> Response | None:
        """For handlers that read a body: the faults of phase `before` strike between the body and the deed."""
        return await self.connection.strike(self.op, "before", self)

    async def _pieces(self):
        reader = self.connection.reader
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                async for piece in exactly(reader, size):
                    yield piece
                await reader.readexactly(2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return
        async for piece in exactly(reader, int(self.headers.get("content-length", "0"))):
            yield piece


async def exactly(reader: asyncio.StreamReader, size: int):
    while size:
        piece = await reader.read(min(size, CHUNK))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


class Connection:
    """A client's connection to one node: reads requests until one side has enough."""

    def __init__(self, node: "HttpNode", reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.node, self.reader, self.writer = node, reader, writer
        self.number = next(node.connection_numbers)

    async def serve(self) -> None:
        try:
            await self.strike("*", "accept")
            while await self.serve_one():
                pass
        except (Cut, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()

    async def serve_one(self) -> bool:
        request = await self.read_head()
        if request is None:
            return False
        self.node.classify(request)
        entry = self.node.wire.begin(self.node.name, request, self.number)
        try:
            response = await self.respond(request, entry)
            entry["stray_body"] = request.has_body and not request.body_taken and self.buffered() > 0
            if request.has_body and not request.body_taken:
                response.close = True
            await self.send(response.encode())
            entry["status"] = response.status
            return not response.close and request.headers.get("connection", "").lower() != "close"
        finally:
            self.node.wire.end(entry, request)

    async def respond(self, request: Request, entry: dict) -> Response:
        if (replaced := await self.strike(request.op, "headers", request)) is not None:
            return replaced
        if not request.reads_body and (replaced := await self.strike(request.op, "before", request)) is not None:
            return replaced
        try:
            response = await self.node.handle(request)
        except (Cut, ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # a mistake of the double: shown, never taken for a server's answer
            traceback.print_exc()
            response = Response(500, f"the double has failed: {error!r}".encode(), content_type="text/plain", close=True)
        entry["reply"] = response.body[:2000].decode(errors="replace")
        if (replaced := await self.strike(request.op, "after", request, response)) is not None:
            return replaced
        return response

    def buffered(self) -> int:
        return len(self.reader._buffer)  # the one place where asyncio tells what has come

    async def read_head(self) -> Request | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            head = b""
        if not head or len(head) > self.node.header_limit():
            await self.send(Response(431, b"", close=True).encode())
            return None
        lines = head.decode("utf-8", errors="replace").split("\r\n")
        method, target, version = (lines[0].split(" ") + ["", ""])[:3]
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        return Request(self, method, target, version, headers)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    # ---- faults

    async def strike(self, op: str, phase: str, request: Request | None = None,
                     response: Response | None = None) -> Response | None:
        label, table = (request.label, request.table) if request else ("", "")
        fault = self.node.faults.hit(self.node.name, op, phase, label, table)
        return None if fault is None else await self.carry_out(fault, request, response)

    async def body_faults(self, request: Request, received: bytearray) -> None:
        limit = self.node.faults.body_limit(self.node.name, request.op, request.label, request.table)
        if limit is None or len(received) < limit:
            return
        fault = self.node.faults.hit(self.node.name, request.op, "body", request.label, request.table)
        if fault is not None:
            if fault.action not in ("delay", "hang"):
                del received[limit:]
            await self.carry_out(fault, request, None)

    async def carry_out(self, fault: Fault, request: Request | None, response: Response | None) -> Response | None:
        action = fault.action
        if action == "delay":
            await asyncio.sleep(float(fault.argument))
            return None
        if action == "hang":
            await hang()
        if action == "status":
            return Response(int(fault.argument), b"", close=True)
        if action == "reply":
            return Response.json(fault.argument if isinstance(fault.argument, dict) else json.loads(fault.argument))
        if action == "error":
            return Response.json({"Status": "INTERNAL_ERROR", "Message": str(fault.argument)})
        if action == "redirect" and request is not None:
            return Response.redirect(f"http://{fault.argument}{request.target}")
        if action == "half_reply" and response is not None:
            encoded = response.encode()
            await self.send(encoded[: max(1, len(encoded) // 2)])
        elif action in ("crash", "restart", "kill"):
            await self.node.on_fatal(self.node.name, action)
        elif action == "reset":
            self.reset()
        raise Cut

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class HttpNode(Listener):
    """An HTTP address. `handle(request)` answers; `classify(request)` names the operation."""

    read_limit = 4 * CHUNK

    def __init__(self, name: str, faults: Faults, wire, handle, classify, header_limit, on_fatal):
        super().__init__()
        self.name, self.faults, self.wire = name, faults, wire
        self.handle, self.classify, self.header_limit, self.on_fatal = handle, classify, header_limit, on_fatal
        self.connection_numbers = itertools.count(1)

    async def serve(self, reader, writer) -> None:
        await Connection(self, reader, writer).serve()
