"""Galaxies as a survey sees them: GalSim mocks of maps, and real images in the same format."""
