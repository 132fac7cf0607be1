-- Mail that is owed, until it is settled, and the tokens it carries.

CREATE TABLE outbox_message (
    id                uuid NOT NULL PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('approval_request', 'clarification', 'receipt', 'reminder', 'outcome', 'level_reached', 'confirmation', 'test', 'alert', 'module')),
    smtp_account_id   uuid REFERENCES smtp_account (id) ON DELETE SET NULL,
    -- The account of the last try, where `smtp_account_id` left it to the default.
    sent_through_id   uuid REFERENCES smtp_account (id) ON DELETE SET NULL,
    access_request_id uuid REFERENCES access_request (id),
    approver_id       uuid REFERENCES approver (id),
    recipient         text NOT NULL,
    recipient_key     text NOT NULL,
    mail_from         text,
    subject           text NOT NULL,
    message_id        text NOT NULL CONSTRAINT outbox_message_id_key UNIQUE,
    state             text NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'bounced', 'unknown', 'expired', 'cancelled')),
    reason            text,
    -- While `sending`: the end of the lease, so a crash needs no clean-up.
    due_at            timestamptz NOT NULL,
    not_after         timestamptz,
    lease_node        uuid,
    lease_epoch       bigint NOT NULL CHECK (lease_epoch >= 0),
    attempts          bigint NOT NULL CHECK (attempts >= 0),
    enqueued_at       timestamptz NOT NULL,
    sent_at           timestamptz,
    CHECK (state <> 'sending' OR lease_node IS NOT NULL),
    CHECK (state <> 'sent' OR sent_at IS NOT NULL)
);

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
    outbox_message_id uuid NOT NULL PRIMARY KEY REFERENCES outbox_message (id) ON DELETE CASCADE,
    raw               bytea NOT NULL,
    text              text NOT NULL
);

CREATE TABLE delivery_attempt (
    outbox_message_id uuid NOT NULL REFERENCES outbox_message (id) ON DELETE CASCADE,
    -- The claim this try was made under; a claim makes at most one.
    lease_epoch       bigint NOT NULL,
    at                timestamptz NOT NULL,
    step              text NOT NULL,
    code              bigint,
    text              text NOT NULL,
    PRIMARY KEY (outbox_message_id, lease_epoch)
);

-- What ties a reply to its notification. The token itself is nowhere: only
-- the hash of its lookup part.
CREATE TABLE token (
    lookup_hash       bytea NOT NULL CONSTRAINT token_lookup_hash_key PRIMARY KEY,
    purpose           text NOT NULL CHECK (purpose IN ('reply', 'approve_by_address', 'deny_by_address', 'web_link', 'bounce')),
    access_request_id uuid REFERENCES access_request (id),
    approver_id       uuid REFERENCES approver (id),
    outbox_message_id uuid REFERENCES outbox_message (id),
    channel           text NOT NULL,
    key_id            text NOT NULL REFERENCES token_key (id),
    epoch             bigint NOT NULL CHECK (epoch >= 1),
    expires_at        timestamptz NOT NULL,
    proof             text NOT NULL CHECK (proof IN ('token_only', 'standard', 'strict')),
    by_mail           text NOT NULL CHECK (by_mail IN ('yes', 'confirm', 'no')),
    consumed_at       timestamptz
);

CREATE INDEX token_request ON token (access_request_id, approver_id);
CREATE INDEX token_approver ON token (approver_id);
CREATE INDEX token_outbox_message ON token (outbox_message_id);
CREATE INDEX token_key_used ON token (key_id);
