"""The file in which a guard keeps what its key has bound itself to: written and synced before it signs, only ever added to."""
