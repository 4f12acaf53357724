"""MySQL's text protocol, the part that StarRocks speaks: login, COM_QUERY, COM_INIT_DB, COM_PING."""

import asyncio
import hashlib
import os
import struct
import traceback
from dataclasses import dataclass, field

from .catalog import Refused
from .listener import Listener

SERVER_VERSION = b"8.0.33"
LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, WITH_DB = 0x1, 0x2, 0x4, 0x8
PROTOCOL_41, SSL, TRANSACTIONS, SECURE = 0x200, 0x800, 0x2000, 0x8000
MULTI_STATEMENTS, MULTI_RESULTS, PLUGIN_AUTH, LENENC_AUTH = 0x10000, 0x20000, 0x80000, 0x200000
CAPABILITIES = (LONG_PASSWORD | FOUND_ROWS | LONG_FLAG | WITH_DB | PROTOCOL_41 | TRANSACTIONS | SECURE | MULTI_STATEMENTS
                | MULTI_RESULTS | PLUGIN_AUTH | LENENC_AUTH)
MORE_RESULTS, AUTOCOMMIT = 0x8, 0x2
NATIVE = b"mysql_native_password"
MAX_PACKET = 0xFFFFFF
UTF8, BINARY = 33, 63
BINARY_FLAG = 0x80


@dataclass
class ColumnInfo:
    """A result column: MySQL's type number, its charset, length and decimals."""

    name: str
    type: int = 253
    charset: int = UTF8
    length: int = 65535
    decimals: int = 0


@dataclass
class Result:
    """Rows of text, bytes or None; without columns it is an OK."""

    columns: list[ColumnInfo] = field(default_factory=list)
    rows: list[list] = field(default_factory=list)
    affected: int = 0
    info: str = ""

    @staticmethod
    def of(names: list[str], rows: list[list]) -> "Result":
        return Result([ColumnInfo(name) for name in names], rows)


class Hangup(Exception):
    """The server closes the connection without an answer."""


def lenenc(number: int) -> bytes:
    if number < 251:
        return bytes([number])
    if number < 1 << 16:
        return b"\xfc" + struct.pack("<H", number)
    if number < 1 << 24:
        return b"\xfd" + struct.pack("<I", number)[:3]
    return b"\xfe" + struct.pack("<Q", number)


def lenenc_string(data: bytes) -> bytes:
    return lenenc(len(data)) + data


def native_hash(password: str, salt: bytes) -> bytes:
    if not password:
        return b""
    once = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask))


class MySqlConnection:
    """One client. `open_session(user, password_check, db)` gives what executes its statements."""

    def __init__(self, server: "MySqlServer", reader, writer, number: int):
        self.server, self.reader, self.writer, self.number = server, reader, writer, number
        self.sequence = 0

    # ---- packets

    async def read(self) -> bytes:
        data = b""
        while True:
            head = await self.reader.readexactly(4)
            size = int.from_bytes(head[:3], "little")
            self.sequence = head[3] + 1
            data += await self.reader.readexactly(size)
            if size < MAX_PACKET:
                return data

    def pack(self, data: bytes) -> bytes:
        out = b""
        while True:
            piece, data = data[:MAX_PACKET], data[MAX_PACKET:]
            out += len(piece).to_bytes(3, "little") + bytes([self.sequence & 0xFF]) + piece
            self.sequence += 1
            if len(piece) < MAX_PACKET:
                return out

    async def send(self, data: bytes) -> None:
        self.writer.write(self.pack(data))
        await self.writer.drain()

    async def send_ok(self, affected: int = 0, info: str = "", more: bool = False) -> None:
        status = AUTOCOMMIT | (MORE_RESULTS if more else 0)
        await self.send(b"\0" + lenenc(affected) + lenenc(0) + struct.pack("<HH", status, 0) + (lenenc_string(info.encode()) if info else b""))

    async def send_error(self, code: int, state: str, message: str) -> None:
        await self.send(b"\xff" + struct.pack("<H", code) + b"#" + state.encode() + message.encode())

    # ---- the session

    async def serve(self) -> None:
        try:
            session = await self.login()
            while session is not None:
                self.sequence = 0
                packet = await self.read()
                if packet[:1] == b"\x01":
                    break
                await self.command(session, packet)
        except (asyncio.IncompleteReadError, ConnectionError, Hangup):
            pass
        finally:
            self.writer.close()

    async def login(self):
        salt = os.urandom(20).replace(b"\0", b"\1")
        capabilities = CAPABILITIES | (SSL if self.server.tls else 0)
        await self.send(b"\x0a" + SERVER_VERSION + b"\0" + struct.pack("<I", self.number) + salt[:8] + b"\0"
                        + struct.pack("<H", capabilities & 0xFFFF) + bytes([UTF8]) + struct.pack("<H", AUTOCOMMIT)
                        + struct.pack("<H", capabilities >> 16) + bytes([21]) + b"\0" * 10 + salt[8:] + b"\0" + NATIVE + b"\0")
        packet = await self.read()
        if self.server.tls and struct.unpack("<I", packet[:4])[0] & SSL and len(packet) == 32:
            await self.start_tls()
            packet = await self.read()
        user, answer, db, plugin = self.parse_login(packet)
        if plugin and plugin != NATIVE:
            await self.send(b"\xfe" + NATIVE + b"\0" + salt + b"\0")
            answer = await self.read()
        password = self.server.password_of(user)
        if password is None or answer != native_hash(password, salt):
            using = "YES" if answer else "NO"
            await self.send_error(1045, "28000", f"Access denied for user '{user}'@'127.0.0.1' (using password: {using})")
            return None
        session = self.server.open_session(user)
        if db:
            try:
                await session.use(db)
            except Refused as refused:
                await self.send_error(refused.code, refused.state, refused.message)
                return None
        await self.send_ok()
        return session

    async def start_tls(self) -> None:
        """The client's hello may have come with the packet before it: what is buffered goes to TLS first."""
        loop, transport = asyncio.get_running_loop(), self.writer.transport
        hello = bytes(self.reader._buffer)
        self.reader._buffer.clear()
        protocol = transport.get_protocol()
        started = asyncio.ensure_future(loop.start_tls(transport, protocol, self.server.tls, server_side=True))
        while transport.get_protocol() is protocol:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        if hello:
            buffer = transport.get_protocol().get_buffer(len(hello))
            buffer[: len(hello)] = hello
            transport.get_protocol().buffer_updated(len(hello))
        secure = await started
        self.writer._transport = secure
        self.reader._transport = secure
        protocol._transport = secure

    @staticmethod
    def parse_login(packet: bytes) -> tuple[str, bytes, str, bytes]:
        capabilities = struct.unpack("<I", packet[:4])[0]
        end = packet.index(b"\0", 32)
        user, at = packet[32:end].decode(), end + 1
        size = packet[at]
        answer, at = packet[at + 1 : at + 1 + size], at + 1 + size
        db, plugin = "", b""
        if capabilities & WITH_DB and at < len(packet):
            end = packet.index(b"\0", at)
            db, at = packet[at:end].decode(), end + 1
        if capabilities & PLUGIN_AUTH and at < len(packet):
            end = packet.find(b"\0", at)
            plugin = packet[at : end if end >= 0 else len(packet)]
        return user, answer, db, plugin

    async def command(self, session, packet: bytes) -> None:
        kind, body = packet[0], packet[1:]
        try:
            if kind == 0x03:
                await self.query(session, body.decode())
            elif kind == 0x02:
                await session.use(body.decode())
                await self.send_ok()
            elif kind in (0x0E, 0x1F):
                await self.send_ok()
            elif kind == 0x16:
                raise Refused("This command is not supported in the prepared statement protocol yet", 1295, "HY000")
            else:
                raise Refused(f"Unsupported command({kind})", 1047, "08S01")
        except Refused as refused:
            await self.send_error(refused.code, refused.state, refused.message)
        except UnicodeDecodeError:
            await self.send_error(1064, "42000", "Getting syntax error: the statement is not UTF-8.")
        except (Hangup, ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # a mistake of the double: shown, never taken for a server's answer
            traceback.print_exc()
            await self.send_error(1105, "HY000", f"the double has failed: {error!r}")

    async def query(self, session, text: str) -> None:
        statements = session.split(text)
        for index, statement in enumerate(statements):
            result = await session.execute(statement)
            await self.send_result(result, more=index < len(statements) - 1)

    async def send_result(self, result: Result, more: bool) -> None:
        if not result.columns:
            await self.send_ok(result.affected, result.info, more)
            return
        status = AUTOCOMMIT | (MORE_RESULTS if more else 0)
        eof = b"\xfe" + struct.pack("<HH", 0, status)
        out = [self.pack(lenenc(len(result.columns)))]
        out += [self.pack(self.column(column)) for column in result.columns]
        out.append(self.pack(eof))
        for row in result.rows:
            out.append(self.pack(b"".join(b"\xfb" if cell is None else lenenc_string(encoded(cell)) for cell in row)))
        out.append(self.pack(eof))
        self.writer.write(b"".join(out))
        await self.writer.drain()

    @staticmethod
    def column(column: ColumnInfo) -> bytes:
        flags = BINARY_FLAG if column.charset == BINARY else 0
        name = column.name.encode()
        return (lenenc_string(b"def") + lenenc_string(b"") * 3 + lenenc_string(name) * 2 + b"\x0c"
                + struct.pack("<HIBHB", column.charset, column.length, column.type, flags, column.decimals) + b"\0\0")


def encoded(cell) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()


class MySqlServer(Listener):
    """The query port of one FE."""

    def __init__(self, name: str, open_session, password_of):
        super().__init__()
        self.name, self.open_session, self.password_of = name, open_session, password_of
        self.connections = 0

    def _tls_from_the_start(self):
        return None  # a client asks for it after the greeting

    async def serve(self, reader, writer) -> None:
        self.connections += 1
        await MySqlConnection(self, reader, writer, self.connections).serve()
