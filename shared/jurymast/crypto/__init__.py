"""Hashes, typed data and signatures that Ethereum, Arbitrum and Solana programs can check too. Pure."""
