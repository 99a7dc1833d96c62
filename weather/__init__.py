"""The weather API: a small application whose users notice a failover."""
