-- People, and what they ask of each other.

CREATE TABLE person (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT,
    locale     TEXT,
    timezone   TEXT,
    active     INTEGER NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 1),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE INDEX person_list ON person (created_at, id);

-- `address_key` is what two spellings of one mailbox have in common, so an
-- address belongs to one person, however it is written. Position 0 is the
-- primary address.
CREATE TABLE person_address (
    address_key TEXT NOT NULL CONSTRAINT person_address_key PRIMARY KEY,
    address     TEXT NOT NULL,
    person_id   BLOB NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 0),
    may_answer  INTEGER NOT NULL,
    CONSTRAINT person_address_position UNIQUE (person_id, position)
) STRICT;

-- Numbers people call requests by; a row, not a sequence, so that a rolled
-- back request leaves no gap an auditor would ask about.
CREATE TABLE request_number (
    singleton   INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    next_number INTEGER NOT NULL
) STRICT;

INSERT INTO request_number (singleton, next_number) VALUES (1, 1001);

CREATE TABLE access_request (
    id                  BLOB NOT NULL PRIMARY KEY,
    number              INTEGER NOT NULL CONSTRAINT access_request_number_key UNIQUE,
    external_id         TEXT CONSTRAINT access_request_external_id_key UNIQUE,
    requester_person_id BLOB NOT NULL REFERENCES person (id),
    requester_email     TEXT NOT NULL,
    requester_email_key TEXT NOT NULL,
    requester_name      TEXT,
    requester_aliases   TEXT NOT NULL,
    resource            TEXT NOT NULL,
    justification       TEXT,
    access_starts_at    TEXT,
    access_ends_at      TEXT,
    expires_at          TEXT NOT NULL,
    quorum_kind         TEXT NOT NULL CHECK (quorum_kind IN ('any', 'all', 'at_least')),
    quorum_count        INTEGER CHECK (quorum_count >= 0),
    proof               TEXT CHECK (proof IN ('token_only', 'standard', 'strict')),
    by_mail             TEXT CHECK (by_mail IN ('yes', 'confirm', 'no')),
    smtp_account_id     BLOB REFERENCES smtp_account (id) ON DELETE SET NULL,
    metadata            TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'conflict')),
    level               INTEGER NOT NULL,
    submitted_at        TEXT NOT NULL,
    closed_at           TEXT,
    version             INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((quorum_kind = 'at_least') = (quorum_count IS NOT NULL)),
    CHECK ((status = 'pending') = (closed_at IS NULL))
) STRICT;

CREATE INDEX access_request_list ON access_request (submitted_at, id);
CREATE INDEX access_request_by_status ON access_request (status, submitted_at, id);
CREATE INDEX access_request_by_requester ON access_request (requester_email_key, submitted_at, id);
CREATE INDEX access_request_person ON access_request (requester_person_id);
CREATE INDEX access_request_smtp_account ON access_request (smtp_account_id) WHERE smtp_account_id IS NOT NULL;
CREATE INDEX access_request_expiring ON access_request (expires_at) WHERE status = 'pending';

-- One person's place in a request; he stands in one level.
CREATE TABLE approver (
    id                BLOB NOT NULL PRIMARY KEY,
    access_request_id BLOB NOT NULL REFERENCES access_request (id),
    person_id         BLOB NOT NULL REFERENCES person (id),
    position          INTEGER NOT NULL,
    address           TEXT NOT NULL,
    address_key       TEXT NOT NULL,
    name              TEXT,
    locale            TEXT NOT NULL,
    level             INTEGER NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('waiting', 'notified', 'awaiting_confirmation', 'approved', 'denied', 'removed')),
    CONSTRAINT approver_person_once UNIQUE (access_request_id, person_id),
    CONSTRAINT approver_position UNIQUE (access_request_id, position)
) STRICT;

CREATE INDEX approver_person ON approver (person_id);
CREATE INDEX approver_by_address ON approver (address_key);

-- A status never leads back, and a final one never leads on, but for the
-- conflict that a late deny makes of an approval.
CREATE TRIGGER access_request_status_is_final BEFORE UPDATE OF status ON access_request
WHEN NEW.status <> OLD.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.status = 'approved' AND NEW.status = 'conflict'))
BEGIN
    SELECT RAISE(ABORT, 'a final status does not change');
END;

CREATE TRIGGER access_request_is_kept BEFORE DELETE ON access_request
BEGIN
    SELECT RAISE(ABORT, 'an access request is not deleted');
END;
