"""PostgreSQL and Valkey are stopped and started in mid-campaign; see `restart_scenario`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE")


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_every_recipient_is_accounted_for_after_a_restart(server):
    environment = {name: value for name, value in os.environ.items() if name not in OURS}

    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.restart_scenario", server],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "every recipient is accounted for" in done.stdout
