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

INSERT INTO city (name, country, latitude, longitude) VALUES
    ('Accra', 'Ghana', 5.603, -0.187),
    ('Auckland', 'New Zealand', -36.848, 174.763),
    ('Bangkok', 'Thailand', 13.756, 100.502),
    ('Berlin', 'Germany', 52.520, 13.405),
    ('Bogota', 'Colombia', 4.711, -74.072),
    ('Cairo', 'Egypt', 30.044, 31.236),
    ('Helsinki', 'Finland', 60.170, 24.938),
    ('Istanbul', 'Türkiye', 41.008, 28.978),
    ('Jakarta', 'Indonesia', -6.208, 106.846),
    ('Karachi', 'Pakistan', 24.861, 67.010),
    ('Lagos', 'Nigeria', 6.524, 3.379),
    ('Lima', 'Peru', -12.046, -77.043),
    ('Lisbon', 'Portugal', 38.722, -9.139),
    ('Mexico City', 'Mexico', 19.433, -99.133),
    ('Mumbai', 'India', 19.076, 72.878),
    ('Nairobi', 'Kenya', -1.292, 36.822),
    ('New York', 'United States', 40.713, -74.006),
    ('Reykjavik', 'Iceland', 64.147, -21.943),
    ('Tokyo', 'Japan', 35.677, 139.650),
    ('Toronto', 'Canada', 43.653, -79.383)
ON CONFLICT (name) DO NOTHING;

GRANT SELECT ON city TO weather;
-- UPDATE: a repeated POST locks its row, see database.py.
GRANT SELECT, INSERT, UPDATE ON forecast TO weather;
