"""Pages, plots and exports, made from findings and a verdict."""
