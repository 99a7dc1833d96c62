"""The WSGI application for gunicorn, with pools configured from the environment."""

import os

from .api import create_app
from .clients import database
from .health import Health

there = database(os.environ)
health = Health(there)
health.watch()
application = create_app(there, health)
