"""Work that is killed at random and work that goes on for long."""
