"""What was said, in memory and on disk."""
