"""The embedded suite: galaxies that collide under gravity, as an Illustris/TNG directory."""
