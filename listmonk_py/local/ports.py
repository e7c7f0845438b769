"""TCP ports of this machine: is one free, and which one to take."""

import random
import socket


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when a server could listen on `host`:`port` now; connections in TIME_WAIT do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
        return True


def free_port(preferred: int, host: str = "127.0.0.1") -> int:
    """Return `preferred` when it is free, else another free port.

    The others lie below 32768, where Linux begins to hand out ports to outgoing connections, so that
    none of those takes it before the server does.
    """
    if is_free(preferred, host):
        return preferred
    while True:
        port = random.randint(12_000, 32_000)
        if is_free(port, host):
            return port
