"""Benchmarks: ours and a bare reference in turn, in one run, on a real PostgreSQL (fsync on) and a real Kafka.

`make bench` runs all, `make bench BENCH=name` one; each writes bench/results/<name>.json. Only work that was
acknowledged counts, and what was counted is read back.
"""
