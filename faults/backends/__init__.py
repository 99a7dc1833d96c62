"""What carries a fault out on a host: `tc`, `own`, `chaosblade`. One module and one row of table.py each."""
