"""What would happen: the same `match` over simulated arrivals, and the formulas that say what must come out."""
