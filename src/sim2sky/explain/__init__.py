"""Where a classifier looks: Grad-CAM maps of the same galaxies in both domains."""
