"""What runs here: versions, the machine, the size of the database (`GET /api/about`)."""

import os
import platform
import resource
import sys
from typing import Any

from django.conf import settings
from django.db import connection


def about() -> dict[str, Any]:
    """listmonk's keys; `go_version` and `go_arch` tell of Python here."""
    return {
        "version": f"v{settings.VERSION}",
        "build": f"v{settings.VERSION} (Python {platform.python_version()})",
        "go_version": f"python{platform.python_version()}",
        "go_arch": platform.machine(),
        "database": _database(),
        "system": {
            "num_cpu": os.cpu_count() or 1,
            "memory_alloc_mb": _resident_mb(),
            "memory_from_os_mb": _peak_mb(),
        },
        "host": {
            "os": platform.system().lower(),
            "arch": platform.machine(),
            "hostname": platform.node(),
        },
    }


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version(), pg_database_size(current_database())")
        version, size_bytes = cursor.fetchone()
    return {"version": version, "size_mb": size_bytes // 1024 // 1024}


def _resident_mb() -> int:
    """Memory of this process now [MB]; its peak where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
    except OSError:
        return _peak_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024 // 1024


def _peak_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
