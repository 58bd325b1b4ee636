"""The cause model: how it is trained (`make model`) and what triage finds on labelled texts (docs/triage.md)."""
