"""Intake: every complaint from every channel is kept, understood and accounted for.

consumes  what the other services say of a complaint (handlers.py), to show its customer where it stands
decides   is it a complaint, reply, chase, question, praise, suggestion, duplicate, auto-reply, bounce, spam? who wrote?
emits     ComplaintReceived, CustomerReplied, ComplaintChased, ComplaintWithdrawn, ReopenRequested, OutcomeAccepted,
          OutcomeDisputed, ManagerRequested, CallbackRequested, CustomerChanged, BounceReceived, MessageReceived
owns      the complaints as they came in, raw mail, calls, attachments, the customer directory, channel keys

Read handlers.py first, then coalescer.py (web posts), mailroom.py (mail) and switchboard.py (calls).
"""
