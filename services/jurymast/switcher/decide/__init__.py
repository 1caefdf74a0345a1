"""When to switch chains, and what comes next while switching. Pure: what is known, and the time, are arguments."""
