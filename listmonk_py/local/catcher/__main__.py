"""python -m listmonk_py.local.catcher --folder DIR [--smtp-port N] [--http-port N] [--rules FILE]"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from listmonk_py.local.catcher.inbox import MAX_REQUEST_BYTES, Inbox
from listmonk_py.local.catcher.smtp import Session
from listmonk_py.local.catcher.store import Rules, Store


async def catch(folder: Path, *, host: str, smtp_port: int, http_port: int, rules: Rules) -> None:
    """Serve until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    store = Store(folder, rules)
    smtp = await loop.create_server(lambda: Session(store), host, smtp_port, backlog=512)
    http = await asyncio.start_server(Inbox(store).serve, host, http_port, limit=MAX_REQUEST_BYTES)
    print(f"catching mail on {host}:{smtp_port}, inbox at http://localhost:{http_port}/", flush=True)
    await stop.wait()
    smtp.close()
    http.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="catcher", description="An SMTP server that delivers nothing.")
    parser.add_argument("--folder", type=Path, required=True, help="where the log goes")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--rules", type=Path, help='JSON: {"refuse": [addresses], "defer_once": [addresses]}')
    asked = parser.parse_args()
    try:
        rules = Rules.read(asked.rules) if asked.rules else Rules()
    except (OSError, ValueError) as fault:
        sys.exit(f"The rules in {asked.rules} cannot be read: {fault}")
    try:
        asyncio.run(
            catch(
                asked.folder,
                host=asked.host,
                smtp_port=asked.smtp_port,
                http_port=asked.http_port,
                rules=rules,
            )
        )
    except OSError as fault:
        sys.exit(f"The catcher cannot start: {fault.strerror or fault}")


if __name__ == "__main__":
    main()
