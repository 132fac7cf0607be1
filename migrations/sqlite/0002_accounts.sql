-- What an admin sets up to send and to fetch mail.

CREATE TABLE credential (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL CONSTRAINT credential_name_key UNIQUE,
    kind       TEXT NOT NULL CHECK (kind IN ('password')),
    username   TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    key_id     TEXT NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 1),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

-- Rotating a master key walks what it sealed.
CREATE INDEX credential_key_id ON credential (key_id);

CREATE TABLE smtp_account (
    id                    BLOB NOT NULL PRIMARY KEY,
    name                  TEXT NOT NULL CONSTRAINT smtp_account_name_key UNIQUE,
    enabled               INTEGER NOT NULL,
    is_default            INTEGER NOT NULL,
    sender                TEXT NOT NULL,
    reply_to              TEXT,
    return_path           TEXT,
    confirmation_to       TEXT,
    request_read_receipt  INTEGER NOT NULL,
    force_settings        INTEGER NOT NULL,
    footer_enabled        INTEGER NOT NULL,
    host                  TEXT NOT NULL,
    port                  INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    security              TEXT NOT NULL CHECK (security IN ('none', 'starttls', 'implicit_tls')),
    allow_cleartext_login INTEGER NOT NULL,
    accept_invalid_certs  INTEGER NOT NULL,
    ca_pem                TEXT,
    pinned_sha256         TEXT,
    authenticate          INTEGER NOT NULL,
    credential_id         BLOB REFERENCES credential (id),
    rate_per_minute       INTEGER CHECK (rate_per_minute >= 1),
    max_connections       INTEGER NOT NULL CHECK (max_connections >= 1),
    paused_reason         TEXT,
    version               INTEGER NOT NULL CHECK (version >= 1),
    created_at            TEXT NOT NULL,
    updated_at            TEXT NOT NULL
) STRICT;

-- At most one account is the default.
CREATE UNIQUE INDEX smtp_account_default ON smtp_account (is_default) WHERE is_default;
CREATE INDEX smtp_account_credential ON smtp_account (credential_id);

CREATE TABLE inbox_account (
    id                    BLOB NOT NULL PRIMARY KEY,
    name                  TEXT NOT NULL CONSTRAINT inbox_account_name_key UNIQUE,
    enabled               INTEGER NOT NULL,
    automatic_check       INTEGER NOT NULL,
    keep_copy             INTEGER NOT NULL,
    addresses             TEXT NOT NULL,
    sub_address           TEXT,
    protocol              TEXT NOT NULL CHECK (protocol IN ('imap', 'pop3')),
    host                  TEXT NOT NULL,
    port                  INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    security              TEXT NOT NULL CHECK (security IN ('none', 'starttls', 'implicit_tls')),
    allow_cleartext_login INTEGER NOT NULL,
    accept_invalid_certs  INTEGER NOT NULL,
    ca_pem                TEXT,
    pinned_sha256         TEXT,
    credential_id         BLOB NOT NULL REFERENCES credential (id),
    folder                TEXT NOT NULL,
    schedule              TEXT NOT NULL,
    timezone              TEXT NOT NULL,
    idle                  INTEGER NOT NULL,
    import_existing       INTEGER NOT NULL,
    max_size_bytes        INTEGER NOT NULL CHECK (max_size_bytes >= 1),
    proof                 TEXT NOT NULL CHECK (proof IN ('token_only', 'standard', 'strict')),
    by_mail               TEXT NOT NULL CHECK (by_mail IN ('yes', 'confirm', 'no')),
    profile               TEXT NOT NULL CHECK (profile IN ('generic', 'google', 'microsoft365')),
    trusted_authserv_ids  TEXT NOT NULL,
    trust_internaldate    INTEGER NOT NULL,
    version               INTEGER NOT NULL CHECK (version >= 1),
    created_at            TEXT NOT NULL,
    updated_at            TEXT NOT NULL
) STRICT;

CREATE INDEX inbox_account_credential ON inbox_account (credential_id);

-- How an inbox account is doing, who is reading it, and when to look again.
-- One row per account, made with it, in a table of its own because it changes
-- with every visit and the settings do not.
CREATE TABLE inbox_state (
    account_id      BLOB NOT NULL PRIMARY KEY REFERENCES inbox_account (id) ON DELETE CASCADE,
    due_at          TEXT NOT NULL,
    lease_node      BLOB,
    lease_epoch     INTEGER NOT NULL CHECK (lease_epoch >= 0),
    lease_until     TEXT,
    baseline_at     TEXT,
    baseline_taken  INTEGER NOT NULL,
    failures        INTEGER NOT NULL CHECK (failures >= 0),
    refused_logins  INTEGER NOT NULL CHECK (refused_logins >= 0),
    paused_reason   TEXT,
    last_started_at TEXT,
    last_success_at TEXT,
    last_error_step TEXT,
    last_error      TEXT,
    last_error_at   TEXT,
    last_summary    TEXT,
    CHECK ((lease_node IS NULL) = (lease_until IS NULL)),
    CHECK ((last_error IS NULL) = (last_error_at IS NULL))
) STRICT;

-- What is due; a paused account never is.
CREATE INDEX inbox_state_due ON inbox_state (due_at, account_id) WHERE paused_reason IS NULL;
CREATE INDEX inbox_state_lease ON inbox_state (lease_node) WHERE lease_node IS NOT NULL;
