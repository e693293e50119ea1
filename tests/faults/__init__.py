"""What happens when disk, memory, files or people let go in the middle."""
