-- The append-only, hash-chained list of everything that happened.

-- The chain's end. Locked last before commit, so that writers queue here for
-- an instant and nowhere else.
CREATE TABLE ledger_head (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    seq       INTEGER NOT NULL CHECK (seq >= 0),
    hash      BLOB NOT NULL
) STRICT;

INSERT INTO ledger_head (singleton, seq, hash) VALUES (1, 0, zeroblob(32));

CREATE TABLE ledger_entry (
    seq               INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 1),
    at                TEXT NOT NULL,
    kind              TEXT NOT NULL,
    -- No foreign key: an entry stands for itself, whatever becomes of the row.
    access_request_id BLOB,
    facts             TEXT NOT NULL,
    private_digest    BLOB,
    previous          BLOB NOT NULL,
    hash              BLOB NOT NULL CONSTRAINT ledger_entry_hash_key UNIQUE
) STRICT;

CREATE INDEX ledger_entry_by_request ON ledger_entry (access_request_id, seq) WHERE access_request_id IS NOT NULL;

-- The erasable half: names, addresses, words, and the salt of their digest.
CREATE TABLE ledger_private (
    seq  INTEGER NOT NULL PRIMARY KEY REFERENCES ledger_entry (seq),
    salt BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TRIGGER ledger_entry_is_not_changed BEFORE UPDATE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_entry_is_not_deleted BEFORE DELETE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_private_is_not_changed BEFORE UPDATE ON ledger_private
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_head_is_not_deleted BEFORE DELETE ON ledger_head
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_head_moves_on BEFORE UPDATE ON ledger_head
WHEN NEW.seq <= OLD.seq
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
