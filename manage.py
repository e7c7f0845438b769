#!/usr/bin/env python
"""Run one of listmonk-py's commands; `manage.py help` lists them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "listmonk_py.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. Run `make setup`, then `.venv/bin/python manage.py ...`.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
