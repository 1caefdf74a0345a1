"""An EVM chain on this machine: anvil, as like Arbitrum as it gets. README.md says where it is not."""
