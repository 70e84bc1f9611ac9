"""From a simulation to a sample: which galaxies, which labels, which systems."""
