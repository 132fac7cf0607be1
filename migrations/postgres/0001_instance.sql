-- The installation itself, its settings, and the keys that seal tokens.

-- One row: what every token is bound to. A restore from backup raises the
-- epoch, and no token of an earlier epoch approves.
CREATE TABLE instance (
    singleton  bigint NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id         uuid NOT NULL,
    epoch      bigint NOT NULL CHECK (epoch >= 1),
    created_at timestamptz NOT NULL
);

-- One row, or none while nobody changed a default.
CREATE TABLE settings (
    singleton bigint NOT NULL PRIMARY KEY CHECK (singleton = 1),
    body      jsonb NOT NULL,
    version   bigint NOT NULL CHECK (version >= 1)
);

-- The keys reply tokens are made with, sealed by the master key `key_id`.
CREATE TABLE token_key (
    id         text NOT NULL PRIMARY KEY,
    sealed     bytea NOT NULL,
    key_id     text NOT NULL,
    created_at timestamptz NOT NULL
);
