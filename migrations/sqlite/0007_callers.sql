-- Who may call, and what they called before.

CREATE TABLE api_token (
    id           BLOB NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL CONSTRAINT api_token_name_key UNIQUE,
    role         TEXT NOT NULL CHECK (role IN ('admin', 'auditor', 'requester', 'approver')),
    hash         BLOB NOT NULL CONSTRAINT api_token_hash_key UNIQUE,
    person_id    BLOB REFERENCES person (id),
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT
) STRICT;

CREATE INDEX api_token_person ON api_token (person_id);

-- The answer to a call, to be given again when the call comes again.
CREATE TABLE idempotency_key (
    api_token_id BLOB NOT NULL REFERENCES api_token (id),
    key          TEXT NOT NULL,
    method_path  TEXT NOT NULL,
    body_hash    BLOB NOT NULL,
    status       INTEGER NOT NULL,
    response     TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    CONSTRAINT idempotency_key_once PRIMARY KEY (api_token_id, key)
) STRICT;

CREATE INDEX idempotency_key_created ON idempotency_key (created_at);
