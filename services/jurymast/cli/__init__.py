"""The `jurymast` command."""
