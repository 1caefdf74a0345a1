"""How providers and chains are, and what may be signed about them. Pure: samples and time in, verdicts out."""
