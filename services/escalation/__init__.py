"""Escalation: every promised deadline, watched in the calendar of the promise.

consumes  what starts, stops or pauses a clock: ComplaintReceived, ComplaintTriaged, LetterSent, … (handlers.py)
decides   which clocks run and when they are due, pause, warn and breach; which rung of the ladder is reached
emits     ClocksChanged, SlaWarning, SlaBreached, SlaBreachRetracted, RungReached
owns      the clocks, the policy packs and their versions, the outcomes of every promise; the only one who computes
          promised dates
reads     policy.py (promises as data) → clocks.py (one clock) → machine.py (facts to clocks) → handlers.py
"""
