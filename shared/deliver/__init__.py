"""The one way to the outside: the ledger of what is owed, the pace of retries, mail servers and signed HTTP calls."""
