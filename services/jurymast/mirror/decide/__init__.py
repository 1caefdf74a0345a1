"""What is taken in, and which of it goes into one batch. Pure: the ledger, the clock and a chain's limits are arguments."""
