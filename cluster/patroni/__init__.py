"""PostgreSQL managed by Patroni, with etcd as its coordinator."""
