"""The mail catcher: takes every mail by SMTP, delivers none, and shows them to people and programs over HTTP.

`python -m deploy.local.mail --smtp-port N --http-port N --store FILE`
"""
