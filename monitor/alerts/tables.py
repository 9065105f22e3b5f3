"""The tables of alerts in `watch.db`: entries, one for each exceedance, and transitions, which are only appended.

Table `joined` has the alerts of which nothing is left but that each was found one with another. View `published` has
all alerts as the world knows them: those, and for each other one the last entry of its chain.
"""

from __future__ import annotations

ALERT_TABLES = """
CREATE TABLE IF NOT EXISTS alerts(
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, container TEXT NOT NULL, source TEXT NOT NULL,
    stream TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL, cleared_ns INTEGER, exceedance TEXT,
    by_arrival INTEGER NOT NULL, merged_into TEXT, turn INTEGER, hold_ns INTEGER, withheld TEXT,
    doubts INTEGER NOT NULL, chain TEXT NOT NULL, opened_ns INTEGER NOT NULL, reopened INTEGER NOT NULL,
    recent INTEGER NOT NULL, before TEXT, is_last INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS alerts_by_stream ON alerts(stream, turn, occurred_ns);
CREATE INDEX IF NOT EXISTS alerts_open ON alerts(source) WHERE state <> 'cleared';
CREATE INDEX IF NOT EXISTS alerts_withheld ON alerts(number) WHERE withheld IS NOT NULL AND state <> 'cleared';
CREATE INDEX IF NOT EXISTS alerts_by_chain ON alerts(chain) WHERE is_last AND chain <> id;
CREATE INDEX IF NOT EXISTS alerts_by_time ON alerts(opened_ns) WHERE is_last;
CREATE TABLE IF NOT EXISTS joined(
    id TEXT PRIMARY KEY, container TEXT NOT NULL, opened_ns INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS published AS
    SELECT id, chain, container, state, opened_ns, reopened, recent, before, body FROM alerts WHERE is_last
    UNION ALL SELECT id, id, container, 'cleared', opened_ns, 0, 0, NULL, body FROM joined;
CREATE TABLE IF NOT EXISTS transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, container TEXT NOT NULL, state TEXT NOT NULL,
    at_ns INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS transitions_by_alert ON transitions(alert_id);
"""
# In version 1 an alert belonged to one exceedance for ever, that of its id, and had but one transition of each state.
ALERT_MIGRATION_1 = """
ALTER TABLE alerts RENAME TO alerts_before;
ALTER TABLE transitions RENAME TO transitions_before;
DROP INDEX alerts_by_state;
CREATE TABLE alerts(
    id TEXT PRIMARY KEY, container TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL,
    cleared_ns INTEGER, exceedance TEXT, by_arrival INTEGER NOT NULL, merged_into TEXT, body TEXT NOT NULL)
    WITHOUT ROWID;
INSERT INTO alerts SELECT id, container, state, occurred_ns,
    CAST(strftime('%s', json_extract(body, '$.cleared_at')) AS INTEGER) * 1000000000,
    iif(json_extract(body, '$.rule') LIKE 'monitor.%', NULL, id), 0, NULL, body FROM alerts_before;
CREATE TABLE transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, state TEXT NOT NULL, at_ns INTEGER NOT NULL,
    body TEXT NOT NULL);
INSERT INTO transitions SELECT * FROM transitions_before;
DROP TABLE alerts_before;
DROP TABLE transitions_before;
"""
# Up to version 3 each exceedance was an alert of its own: each has a chain to itself, and keeps its id.
ALERT_MIGRATION_3 = """
ALTER TABLE alerts RENAME TO alerts_3;
ALTER TABLE transitions RENAME TO transitions_3;
CREATE TABLE alerts(
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, container TEXT NOT NULL, source TEXT NOT NULL,
    stream TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL, cleared_ns INTEGER, exceedance TEXT,
    by_arrival INTEGER NOT NULL, merged_into TEXT, turn INTEGER, hold_ns INTEGER, withheld TEXT,
    doubts INTEGER NOT NULL, chain TEXT NOT NULL, opened_ns INTEGER NOT NULL, reopened INTEGER NOT NULL,
    recent INTEGER NOT NULL, before TEXT, is_last INTEGER NOT NULL, body TEXT NOT NULL);
WITH told AS (SELECT alert_id, min(n) AS first FROM transitions_3 GROUP BY alert_id),
placed AS (
    SELECT row_number() OVER (ORDER BY first, id) AS number, alerts_3.*,
    container || char(10) || json_extract(body, '$.logger') || char(10) || json_extract(body, '$.channel') AS source,
    char(10) || json_extract(body, '$.rule') || char(10) || coalesce(json_extract(body, '$.axis'), '') AS rule_axis,
    merged_into IS NULL AND exceedance IS NOT NULL AS counts
    FROM alerts_3 LEFT JOIN told ON alert_id = id)
INSERT INTO alerts SELECT number, id, container, source, source || rule_axis, state, occurred_ns, cleared_ns,
    exceedance, by_arrival, merged_into,
    iif(counts, row_number() OVER (PARTITION BY source || rule_axis, counts ORDER BY number), NULL), NULL, NULL, 0,
    id, occurred_ns, 0, iif(json_extract(body, '$.kind') = 'shock', 0, 1), NULL, 1, body FROM placed;
CREATE TABLE transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, container TEXT NOT NULL, state TEXT NOT NULL,
    at_ns INTEGER NOT NULL, body TEXT NOT NULL);
INSERT INTO transitions SELECT n, alert_id, json_extract(body, '$.container'), state, at_ns, body FROM transitions_3;
DROP TABLE alerts_3;
DROP TABLE transitions_3;
"""
