"""Starts the double: python -m double --dir STATE [--port-base N]. Prints one JSON line with its ports when it is ready."""

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
import threading

from .cluster import NODES, Cluster
from .control import Control
from .storage import Storage, state_directory


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="starrocks-double", description=__doc__)
    parser.add_argument("--dir", required=True, help="where its state is kept; a second start goes on from there")
    parser.add_argument("--port-base", type=int, default=0, help="first of seven ports; 0: those of the last start, else free ones")
    parser.add_argument("--version", help="the StarRocks version to play, for example 3.3.5")
    parser.add_argument("--tls-cert", help="certificate: HTTP then speaks TLS only, MySQL offers it")
    parser.add_argument("--tls-key")
    parser.add_argument("--until-stdin-closes", action="store_true", help="ends when whoever started it does")
    return parser.parse_args()


def ports_of(base: int, saved: dict[str, int]) -> dict[str, int]:
    if base == 0:
        return saved
    return {name: base + index for index, name in enumerate((*NODES, "control"))}


SWITCH_SECONDS = 0.0002  # the threads of the storage wait so long for the interpreter, after each statement


async def main() -> None:
    options = arguments()
    sys.setswitchinterval(SWITCH_SECONDS)
    storage = Storage(state_directory(options.dir))
    cluster = Cluster(storage, options.version)
    control = Control(cluster)
    if options.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_cert, options.tls_key)
        for node in (*cluster.nodes.values(), *cluster.query_ports.values()):
            node.tls = tls
    ports = ports_of(options.port_base, storage.records("cluster").get(0, {}).get("ports", {}))
    await control.node.start(ports.get("control", 0))
    cluster.ports["control"] = control.node.port
    await cluster.start(ports)
    print(json.dumps(cluster.ports), flush=True)
    await serve(cluster, options.until_stdin_closes)
    storage.close()


def watch_stdin(loop, ended: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(ended.set)


async def serve(cluster: Cluster, until_stdin_closes: bool) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if until_stdin_closes:
        threading.Thread(target=watch_stdin, args=(loop, ended), daemon=True).start()
    running = asyncio.ensure_future(cluster.run())
    stopping = asyncio.ensure_future(ended.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    running.cancel()
    for node in (*cluster.nodes.values(), *cluster.query_ports.values()):
        await node.stop()


if __name__ == "__main__":
    asyncio.run(main())
