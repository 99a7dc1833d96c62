"""Users of the weather API, as locust files."""
