"""What a file or folder holds, and whether it fits another."""
