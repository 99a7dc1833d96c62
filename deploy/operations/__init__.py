"""Operations that replace pyinfra's own where those need more round trips, or make a password readable briefly."""
