"""The HTTP API: cities, forecasts, and a health check that passes while the database is unavailable.

    GET  /cities
    GET  /forecasts?city=Berlin&limit=20      newest first
    POST /forecasts                           {"id": uuid, "city", "day": "2030-01-31", "temperature_c", "summary"}
                                              201 written, 200 existed already: the client chooses the id, so that it
                                              can repeat the request without writing twice
    GET  /healthz                             200 while the process answers; the body has the state of the database

Errors are JSON: 400 {"error"}; 503 {"error", "outcome"}, where outcome is `failed` (not written) or `unknown`.
"""

import datetime
import socket
import uuid
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from .database import Database, Failed, Invalid, Unknown
from .health import Health

LIMIT = 100


class BadRequest(ValueError):
    """The request is invalid; the text is the reason."""


def create_app(database: Database, health: Health) -> Flask:
    """The application on top of this database."""
    app = Flask("weather")

    @app.get("/cities")
    def cities() -> Response:
        rows = database.cities()
        return jsonify([dict(zip(("name", "country", "latitude", "longitude"), row, strict=True)) for row in rows])

    @app.get("/forecasts")
    def forecasts() -> Response:
        city, limit = request.args.get("city"), parse_limit(request.args.get("limit", "20"))
        rows = database.forecasts(city, limit)
        return jsonify([dict(zip(("id", "city", "day", "temperature_c", "summary"), row, strict=True)) for row in rows])

    @app.post("/forecasts")
    def add() -> tuple[Response, int]:
        values = parse_forecast(request.get_json(silent=True))
        created = database.add(values)
        return jsonify(id=str(values[0])), 201 if created else 200

    @app.get("/healthz")
    def healthz() -> Response:
        # 200 even if the database is unavailable: all instances share it, so removing one from the balancer does not
        # help, and removing all turns clear errors into refused connections.
        return jsonify(status="ok", host=socket.gethostname(), database=health.state)

    _errors(app)
    return app


def _errors(app: Flask) -> None:
    @app.errorhandler(BadRequest)
    @app.errorhandler(Invalid)
    def invalid(error: Exception) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    @app.errorhandler(Failed)
    def failed(error: Exception) -> tuple[Response, int]:
        return jsonify(error=str(error), outcome="failed"), 503

    @app.errorhandler(Unknown)
    def unknown(error: Unknown) -> tuple[Response, int]:
        return jsonify(error=str(error), outcome="unknown"), 503

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    @app.after_request
    def echo(response: Response) -> Response:
        if known := request.headers.get("X-Request-Id"):
            response.headers["X-Request-Id"] = known
        return response


def parse_limit(text: str) -> int:
    """A number of rows. Raises BadRequest."""
    if not text.isdecimal() or not 1 <= int(text) <= LIMIT:
        raise BadRequest(f"limit is {text!r}, wanted a number from 1 to {LIMIT}")
    return int(text)


def parse_forecast(body: Any) -> tuple[uuid.UUID, str, datetime.date, float, str]:
    """The values of a forecast to insert. Raises BadRequest with the first error."""
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    try:
        identity = uuid.UUID(str(body["id"]))
        day = datetime.date.fromisoformat(str(body["day"]))
        temperature = float(body["temperature_c"])
        city, summary = body["city"], body["summary"]
    except KeyError as error:
        raise BadRequest(f"{error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise BadRequest(str(error)) from None
    if not isinstance(city, str) or not isinstance(summary, str):
        raise BadRequest("city and summary must be strings")
    if not -100 <= temperature <= 100:
        raise BadRequest(f"temperature_c is {temperature}, wanted -100 to 100")
    if "\0" in city + summary or len(summary) > 1000:
        raise BadRequest("summary is longer than 1000 characters, or a string contains NUL")
    return identity, city, day, temperature, summary
