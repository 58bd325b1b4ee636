"""Checks of the Helm chart without a cluster: `make chart-test`.

The files are called check_*.py, so that `make test` leaves them out: they fetch tools of their own (tools.py).
"""
