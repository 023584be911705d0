"""Studies that compare methods; commands and what they share."""
