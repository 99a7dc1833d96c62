-- The weather app's tables. Idempotent; the deploy runs it as the superuser, inside a transaction.
CREATE TABLE IF NOT EXISTS city (
    name text PRIMARY KEY,
    country text NOT NULL,
    latitude numeric(6, 3) NOT NULL,
    longitude numeric(6, 3) NOT NULL
);

CREATE TABLE IF NOT EXISTS forecast (
    id uuid PRIMARY KEY,
    city text NOT NULL REFERENCES city (name),
    day date NOT NULL,
    temperature_c numeric(4, 1) NOT NULL,
    summary text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS forecast_city_created_at ON forecast (city, created_at DESC);

GRANT SELECT ON city TO weather;
-- UPDATE: a repeated POST locks its row, see postgresql.py.
GRANT SELECT, INSERT, UPDATE ON forecast TO weather;
