"""Routing: who handles a complaint, and the state of the work on it.

consumes  every intake event, every escalation event, every notifier event (shared/events/catalog.py)
decides   cause, severity, triggers, vulnerability, needs, skills, queue; which handler; each move of the case
emits     ComplaintTriaged, OfferMade/Ended, ComplaintAssigned/Transferred/Unroutable, RequirementsRelaxed, ContactMade,
          FirstResponseGiven, InformationRequested, ReplyWritten, EnquiryOpened/Answered, ComplaintDecided,
          RemedyCarriedOut, ComplaintResolved/Reopened/Closed/ReferredOutside
owns      the case state (states.py), handlers and their presence, offers, explanations, the case's history
read      states.py → triage.py → matching.py → handlers/ → rounds.py
"""
