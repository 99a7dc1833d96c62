"""What gunicorn runs: the application on pools made from the environment."""

import os

from weather.api import create_app
from weather.database import Database
from weather.health import Health
from weather.pools import pool

database = Database(pool(os.environ, "write"), pool(os.environ, "read"))
health = Health(database)
health.watch()
application = create_app(database, health)
