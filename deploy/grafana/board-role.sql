CREATE ROLE amends_board LOGIN PASSWORD 'choose one';
GRANT USAGE ON SCHEMA routing, escalation, notifier TO amends_board;
GRANT SELECT (complaint_id, reference, state, queue, tier, severity, handler_id, received_at, waiting_since)
  ON routing.case_file TO amends_board;
GRANT SELECT (complaint_id, n, at, kind) ON routing.history TO amends_board;
GRANT SELECT (complaint_id, kind, pack, state, live, due_at) ON escalation.clock TO amends_board;
GRANT SELECT (complaint_id, kind, state, attempts, created_at, sent_at) ON notifier.letter TO amends_board;
GRANT SELECT (complaint_id, kind, state, due_at, settled_at) ON notifier.promise TO amends_board;
