"""From a survey's frames to stamps of its galaxies, and to patches of its empty sky."""
