-- The append-only, hash-chained list of everything that happened.

-- The chain's end. Locked last before commit, so that writers queue here for
-- an instant and nowhere else.
CREATE TABLE ledger_head (
    singleton bigint NOT NULL PRIMARY KEY CHECK (singleton = 1),
    seq       bigint NOT NULL CHECK (seq >= 0),
    hash      bytea NOT NULL
);

INSERT INTO ledger_head (singleton, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE ledger_entry (
    seq               bigint NOT NULL PRIMARY KEY CHECK (seq >= 1),
    at                timestamptz NOT NULL,
    kind              text NOT NULL,
    -- No foreign key: an entry stands for itself, whatever becomes of the row.
    access_request_id uuid,
    facts             jsonb NOT NULL,
    private_digest    bytea,
    previous          bytea NOT NULL,
    hash              bytea NOT NULL CONSTRAINT ledger_entry_hash_key UNIQUE
);

CREATE INDEX ledger_entry_by_request ON ledger_entry (access_request_id, seq) WHERE access_request_id IS NOT NULL;

-- The erasable half: names, addresses, words, and the salt of their digest.
CREATE TABLE ledger_private (
    seq  bigint NOT NULL PRIMARY KEY REFERENCES ledger_entry (seq),
    salt bytea NOT NULL,
    body jsonb NOT NULL
);

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER ledger_entry_is_not_changed BEFORE UPDATE OR DELETE ON ledger_entry
FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

CREATE TRIGGER ledger_entry_is_not_emptied BEFORE TRUNCATE ON ledger_entry
FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE TRIGGER ledger_private_is_not_changed BEFORE UPDATE ON ledger_private
FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

CREATE TRIGGER ledger_head_is_not_deleted BEFORE DELETE ON ledger_head
FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

CREATE TRIGGER ledger_head_moves_on BEFORE UPDATE ON ledger_head
FOR EACH ROW WHEN (NEW.seq <= OLD.seq) EXECUTE FUNCTION ledger_is_append_only();
