"""Every SQL statement of intake, a file for each room; a batch makes a constant number of statements."""
