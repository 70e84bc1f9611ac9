"""What shape a galaxy has, in numbers that no training made."""
