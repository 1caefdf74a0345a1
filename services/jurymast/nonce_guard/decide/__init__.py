"""What a guard may sign, and what became of a claim. Pure: what is known of the chains and of the past is an argument."""
