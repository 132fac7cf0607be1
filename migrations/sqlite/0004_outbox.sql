-- Mail that is owed, until it is settled, and the tokens it carries.

CREATE TABLE outbox_message (
    id                BLOB NOT NULL PRIMARY KEY,
    kind              TEXT NOT NULL CHECK (kind IN ('approval_request', 'clarification', 'receipt', 'reminder', 'outcome', 'level_reached', 'confirmation', 'test', 'alert', 'module')),
    smtp_account_id   BLOB REFERENCES smtp_account (id) ON DELETE SET NULL,
    -- The account of the last try, where `smtp_account_id` left it to the default.
    sent_through_id   BLOB REFERENCES smtp_account (id) ON DELETE SET NULL,
    access_request_id BLOB REFERENCES access_request (id),
    approver_id       BLOB REFERENCES approver (id),
    recipient         TEXT NOT NULL,
    recipient_key     TEXT NOT NULL,
    mail_from         TEXT,
    subject           TEXT NOT NULL,
    message_id        TEXT NOT NULL CONSTRAINT outbox_message_id_key UNIQUE,
    state             TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'bounced', 'unknown', 'expired', 'cancelled')),
    reason            TEXT,
    -- While `sending`: the end of the lease, so a crash needs no clean-up.
    due_at            TEXT NOT NULL,
    not_after         TEXT,
    lease_node        BLOB,
    lease_epoch       INTEGER NOT NULL CHECK (lease_epoch >= 0),
    attempts          INTEGER NOT NULL CHECK (attempts >= 0),
    enqueued_at       TEXT NOT NULL,
    sent_at           TEXT,
    CHECK (state <> 'sending' OR lease_node IS NOT NULL),
    CHECK (state <> 'sent' OR sent_at IS NOT NULL)
) STRICT;

-- What an account has to send next; the settled, who are nearly all, are not in it.
CREATE INDEX outbox_message_due ON outbox_message (smtp_account_id, due_at, id)
    WHERE state IN ('queued', 'sending', 'deferred', 'unknown');
CREATE INDEX outbox_message_list ON outbox_message (enqueued_at, id);
CREATE INDEX outbox_message_by_state ON outbox_message (state, enqueued_at, id);
CREATE INDEX outbox_message_by_account ON outbox_message (smtp_account_id, enqueued_at, id);
CREATE INDEX outbox_message_by_request ON outbox_message (access_request_id, enqueued_at, id);
CREATE INDEX outbox_message_by_recipient ON outbox_message (recipient_key, enqueued_at, id);
CREATE INDEX outbox_message_approver ON outbox_message (approver_id);
CREATE INDEX outbox_message_sent_through ON outbox_message (sent_through_id);

-- The mail itself, apart, so that lists and claims do not drag it along.
CREATE TABLE outbox_body (
    outbox_message_id BLOB NOT NULL PRIMARY KEY REFERENCES outbox_message (id) ON DELETE CASCADE,
    raw               BLOB NOT NULL,
    text              TEXT NOT NULL
) STRICT;

CREATE TABLE delivery_attempt (
    outbox_message_id BLOB NOT NULL REFERENCES outbox_message (id) ON DELETE CASCADE,
    -- The claim this try was made under; a claim makes at most one.
    lease_epoch       INTEGER NOT NULL,
    at                TEXT NOT NULL,
    step              TEXT NOT NULL,
    code              INTEGER,
    text              TEXT NOT NULL,
    PRIMARY KEY (outbox_message_id, lease_epoch)
) STRICT;

-- What ties a reply to its notification. The token itself is nowhere: only
-- the hash of its lookup part.
CREATE TABLE token (
    lookup_hash       BLOB NOT NULL CONSTRAINT token_lookup_hash_key PRIMARY KEY,
    purpose           TEXT NOT NULL CHECK (purpose IN ('reply', 'approve_by_address', 'deny_by_address', 'web_link', 'bounce')),
    access_request_id BLOB REFERENCES access_request (id),
    approver_id       BLOB REFERENCES approver (id),
    outbox_message_id BLOB REFERENCES outbox_message (id),
    channel           TEXT NOT NULL,
    key_id            TEXT NOT NULL REFERENCES token_key (id),
    epoch             INTEGER NOT NULL CHECK (epoch >= 1),
    expires_at        TEXT NOT NULL,
    proof             TEXT NOT NULL CHECK (proof IN ('token_only', 'standard', 'strict')),
    by_mail           TEXT NOT NULL CHECK (by_mail IN ('yes', 'confirm', 'no')),
    consumed_at       TEXT
) STRICT;

CREATE INDEX token_request ON token (access_request_id, approver_id);
CREATE INDEX token_approver ON token (approver_id);
CREATE INDEX token_outbox_message ON token (outbox_message_id);
CREATE INDEX token_key_used ON token (key_id);
