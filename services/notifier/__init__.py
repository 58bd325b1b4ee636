"""Notifier: which letter is owed to whom, its words, whether it may go out, and how it is sent.

Consumes  what customers say (intake), what happens to the case (routing), the clocks (escalation)
Decides   the letter owed for an event, its structure and text, the gate, hold and cancel, retries, promises
Emits     LetterSent, LetterFailed, LetterBlocked, LetterUnknown, PromiseMade, PromiseKept, PromiseBroken
Owns      matter (a complaint as letters need it), letter (the ledger), promise, suppressed, letter_total
Read      handlers.py, then occasions.py, questions.py, milestones.py, byhand.py, notices.py (what is owed when),
          letter.py and compose.py (how it reads), reach.py and ways.py (which way it goes),
          lint/ (what may not go out), sending.py (how it leaves)
"""
