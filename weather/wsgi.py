"""The WSGI application for gunicorn, with pools configured from the environment."""

import os

from .api import create_app
from .database import Database
from .health import Health
from .pools import pool

database = Database(pool(os.environ, "write"), pool(os.environ, "read"))
health = Health(database)
health.watch()
application = create_app(database, health)
