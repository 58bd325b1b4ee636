"""The one way to the outside: the ledger of what is owed, the pace of retries, and connections to a mail server."""
