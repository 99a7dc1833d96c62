"""pyinfra operations of ours, where its own cost too many round trips or leave a password readable for a moment."""
