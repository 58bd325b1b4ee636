"""The embedded local stack: PostgreSQL, Apache Kafka, a mail catcher and the four services on loopback.

It starts processes and imports no service. `stack.Stack` is the whole; `python -m deploy.local` is its command line.
"""
