-- Who may call, and what they called before.

CREATE TABLE api_token (
    id           uuid NOT NULL PRIMARY KEY,
    name         text NOT NULL CONSTRAINT api_token_name_key UNIQUE,
    role         text NOT NULL CHECK (role IN ('admin', 'auditor', 'requester', 'approver')),
    hash         bytea NOT NULL CONSTRAINT api_token_hash_key UNIQUE,
    person_id    uuid REFERENCES person (id),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);

CREATE INDEX api_token_person ON api_token (person_id);

-- The answer to a call, to be given again when the call comes again.
CREATE TABLE idempotency_key (
    api_token_id uuid NOT NULL REFERENCES api_token (id),
    key          text NOT NULL,
    method_path  text NOT NULL,
    body_hash    bytea NOT NULL,
    status       bigint NOT NULL,
    response     jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT idempotency_key_once PRIMARY KEY (api_token_id, key)
);

CREATE INDEX idempotency_key_created ON idempotency_key (created_at);
