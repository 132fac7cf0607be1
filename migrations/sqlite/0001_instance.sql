-- The installation itself, its settings, and the keys that seal tokens.

-- One row: what every token is bound to. A restore from backup raises the
-- epoch, and no token of an earlier epoch approves.
CREATE TABLE instance (
    singleton  INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id         BLOB NOT NULL,
    epoch      INTEGER NOT NULL CHECK (epoch >= 1),
    created_at TEXT NOT NULL
) STRICT;

-- One row, or none while nobody changed a default.
CREATE TABLE settings (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    body      TEXT NOT NULL,
    version   INTEGER NOT NULL CHECK (version >= 1)
) STRICT;

-- The keys reply tokens are made with, sealed by the master key `key_id`.
CREATE TABLE token_key (
    id         TEXT NOT NULL PRIMARY KEY,
    sealed     BLOB NOT NULL,
    key_id     TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
