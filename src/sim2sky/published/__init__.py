"""Published datasets of others: read, their groups found again, split as published and fairly."""
