"""Who the hosts are: inventory files that pyinfra reads, and the one reader all other rooms use."""
