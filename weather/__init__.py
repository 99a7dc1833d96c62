"""The weather API: the small application whose users feel a failover."""
