"""Break hosts on purpose, prove that it bites, and prove that they are clean again."""
