"""Every SQL statement of intake, a file for each room; the constant number of statements per batch is theirs to keep."""
