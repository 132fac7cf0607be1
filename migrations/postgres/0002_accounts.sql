-- What an admin sets up to send and to fetch mail.

CREATE TABLE credential (
    id         uuid NOT NULL PRIMARY KEY,
    name       text NOT NULL CONSTRAINT credential_name_key UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('password')),
    username   text NOT NULL,
    sealed     bytea NOT NULL,
    key_id     text NOT NULL,
    version    bigint NOT NULL CHECK (version >= 1),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Rotating a master key walks what it sealed.
CREATE INDEX credential_key_id ON credential (key_id);

CREATE TABLE smtp_account (
    id                    uuid NOT NULL PRIMARY KEY,
    name                  text NOT NULL CONSTRAINT smtp_account_name_key UNIQUE,
    enabled               boolean NOT NULL,
    is_default            boolean NOT NULL,
    sender                text NOT NULL,
    reply_to              text,
    return_path           text,
    confirmation_to       text,
    request_read_receipt  boolean NOT NULL,
    force_settings        boolean NOT NULL,
    footer_enabled        boolean NOT NULL,
    host                  text NOT NULL,
    port                  bigint NOT NULL CHECK (port BETWEEN 1 AND 65535),
    security              text NOT NULL CHECK (security IN ('none', 'starttls', 'implicit_tls')),
    allow_cleartext_login boolean NOT NULL,
    accept_invalid_certs  boolean NOT NULL,
    ca_pem                text,
    pinned_sha256         text,
    authenticate          boolean NOT NULL,
    credential_id         uuid REFERENCES credential (id),
    rate_per_minute       bigint CHECK (rate_per_minute >= 1),
    max_connections       bigint NOT NULL CHECK (max_connections >= 1),
    paused_reason         text,
    version               bigint NOT NULL CHECK (version >= 1),
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);

-- At most one account is the default.
CREATE UNIQUE INDEX smtp_account_default ON smtp_account (is_default) WHERE is_default;
CREATE INDEX smtp_account_credential ON smtp_account (credential_id);

CREATE TABLE inbox_account (
    id                    uuid NOT NULL PRIMARY KEY,
    name                  text NOT NULL CONSTRAINT inbox_account_name_key UNIQUE,
    enabled               boolean NOT NULL,
    automatic_check       boolean NOT NULL,
    keep_copy             boolean NOT NULL,
    addresses             jsonb NOT NULL,
    sub_address           text,
    protocol              text NOT NULL CHECK (protocol IN ('imap', 'pop3')),
    host                  text NOT NULL,
    port                  bigint NOT NULL CHECK (port BETWEEN 1 AND 65535),
    security              text NOT NULL CHECK (security IN ('none', 'starttls', 'implicit_tls')),
    allow_cleartext_login boolean NOT NULL,
    accept_invalid_certs  boolean NOT NULL,
    ca_pem                text,
    pinned_sha256         text,
    credential_id         uuid NOT NULL REFERENCES credential (id),
    folder                text NOT NULL,
    schedule              text NOT NULL,
    timezone              text NOT NULL,
    idle                  boolean NOT NULL,
    import_existing       boolean NOT NULL,
    max_size_bytes        bigint NOT NULL CHECK (max_size_bytes >= 1),
    proof                 text NOT NULL CHECK (proof IN ('token_only', 'standard', 'strict')),
    by_mail               text NOT NULL CHECK (by_mail IN ('yes', 'confirm', 'no')),
    profile               text NOT NULL CHECK (profile IN ('generic', 'google', 'microsoft365')),
    trusted_authserv_ids  jsonb NOT NULL,
    trust_internaldate    boolean NOT NULL,
    version               bigint NOT NULL CHECK (version >= 1),
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);

CREATE INDEX inbox_account_credential ON inbox_account (credential_id);

-- How an inbox account is doing, who is reading it, and when to look again.
-- One row per account, made with it, in a table of its own because it changes
-- with every visit and the settings do not.
CREATE TABLE inbox_state (
    account_id      uuid NOT NULL PRIMARY KEY REFERENCES inbox_account (id) ON DELETE CASCADE,
    due_at          timestamptz NOT NULL,
    lease_node      uuid,
    lease_epoch     bigint NOT NULL CHECK (lease_epoch >= 0),
    lease_until     timestamptz,
    baseline_at     timestamptz,
    baseline_taken  boolean NOT NULL,
    failures        bigint NOT NULL CHECK (failures >= 0),
    refused_logins  bigint NOT NULL CHECK (refused_logins >= 0),
    paused_reason   text,
    last_started_at timestamptz,
    last_success_at timestamptz,
    last_error_step text,
    last_error      text,
    last_error_at   timestamptz,
    last_summary    jsonb,
    CHECK ((lease_node IS NULL) = (lease_until IS NULL)),
    CHECK ((last_error IS NULL) = (last_error_at IS NULL))
);

-- What is due; a paused account never is.
CREATE INDEX inbox_state_due ON inbox_state (due_at, account_id) WHERE paused_reason IS NULL;
CREATE INDEX inbox_state_lease ON inbox_state (lease_node) WHERE lease_node IS NOT NULL;
