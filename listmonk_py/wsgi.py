"""Django as a WSGI application, for the root application in `server.py` and for other servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "listmonk_py.settings")

application = get_wsgi_application()
