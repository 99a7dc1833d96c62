-- The weather app's tables. Idempotent; the deploy runs it as root. Names are compared letter by letter, as PostgreSQL does.
CREATE DATABASE IF NOT EXISTS weather CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs;
CREATE TABLE IF NOT EXISTS weather.city (
    name varchar(100) PRIMARY KEY,
    country varchar(100) NOT NULL,
    latitude decimal(6, 3) NOT NULL,
    longitude decimal(6, 3) NOT NULL
);

CREATE TABLE IF NOT EXISTS weather.forecast (
    id char(36) CHARACTER SET ascii PRIMARY KEY,
    city varchar(100) NOT NULL,
    day date NOT NULL,
    temperature_c decimal(4, 1) NOT NULL,
    summary varchar(1000) NOT NULL,
    created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    KEY forecast_created_at (created_at),
    KEY forecast_city_created_at (city, created_at),
    FOREIGN KEY (city) REFERENCES weather.city (name)
);

GRANT SELECT ON weather.city TO 'weather'@'%';
-- UPDATE: for a repeated POST, see mysql.py.
GRANT SELECT, INSERT, UPDATE ON weather.forecast TO 'weather'@'%';
