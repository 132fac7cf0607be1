-- Mail that came, what it turned out to be, and where its copies lie.

CREATE TABLE inbound_message (
    id                uuid NOT NULL PRIMARY KEY,
    -- None once the account was removed; the message stays.
    account_id        uuid REFERENCES inbox_account (id) ON DELETE SET NULL,
    first_seen_at     timestamptz NOT NULL,
    internal_date     timestamptz,
    from_address      text,
    from_key          text,
    from_header       text,
    to_header         text,
    return_path       text,
    subject           text,
    message_id        text,
    size_bytes        bigint NOT NULL CHECK (size_bytes >= 0),
    sha256            bytea NOT NULL,
    -- False where only the headers were read.
    is_whole          boolean NOT NULL,
    disposition       text NOT NULL CHECK (disposition IN ('decided', 'awaiting_confirmation', 'unclear', 'auto_reply', 'bounce', 'read_receipt', 'loop', 'unrelated', 'unauthenticated', 'unauthorized', 'bad_token', 'late', 'duplicate', 'quarantined', 'deferred')),
    answer            text CHECK (answer IN ('approve', 'deny', 'unclear')),
    reason            text NOT NULL,
    explanation       jsonb NOT NULL,
    access_request_id uuid REFERENCES access_request (id),
    approver_id       uuid REFERENCES approver (id),
    outbox_message_id uuid REFERENCES outbox_message (id),
    reply_text        text,
    comment           text,
    authentication    jsonb NOT NULL,
    judged_at         timestamptz NOT NULL,
    retry_at          timestamptz,
    tries             bigint NOT NULL CHECK (tries >= 0),
    -- Set when retention erased the bytes.
    raw_erased_at     timestamptz,
    CHECK (disposition = 'deferred' OR retry_at IS NULL)
);

CREATE INDEX inbound_message_list ON inbound_message (first_seen_at, id);
CREATE INDEX inbound_message_by_account ON inbound_message (account_id, first_seen_at, id);
CREATE INDEX inbound_message_by_disposition ON inbound_message (disposition, first_seen_at, id);
CREATE INDEX inbound_message_by_reason ON inbound_message (reason, first_seen_at, id);
CREATE INDEX inbound_message_by_request ON inbound_message (access_request_id, first_seen_at, id);
CREATE INDEX inbound_message_by_sender ON inbound_message (from_key, first_seen_at, id);
CREATE INDEX inbound_message_hash ON inbound_message (sha256);
CREATE INDEX inbound_message_deferred ON inbound_message (retry_at) WHERE disposition = 'deferred';
CREATE INDEX inbound_message_approver ON inbound_message (approver_id);
CREATE INDEX inbound_message_outbox ON inbound_message (outbox_message_id);

-- The bytes as they came, apart, so that retention can erase them and lists
-- do not drag them along.
CREATE TABLE inbound_raw (
    inbound_message_id uuid NOT NULL PRIMARY KEY REFERENCES inbound_message (id) ON DELETE CASCADE,
    raw                bytea NOT NULL
);

-- How far a folder was read. POP3 has the one folder `INBOX`.
CREATE TABLE mailbox_place (
    account_id   uuid NOT NULL REFERENCES inbox_account (id) ON DELETE CASCADE,
    folder       text NOT NULL,
    uid_validity bigint NOT NULL,
    last_uid     bigint NOT NULL,
    PRIMARY KEY (account_id, folder)
);

-- One copy of a mail on a server. Its identity is the key: for IMAP the UID
-- under its UIDVALIDITY (RFC 9051 §2.3.1.1), for POP3 the UIDL (RFC 1939 §7)
-- under validity 0. A Message-ID is never identity: anybody can write one.
CREATE TABLE mailbox_copy (
    account_id         uuid NOT NULL REFERENCES inbox_account (id) ON DELETE CASCADE,
    folder             text NOT NULL,
    validity           bigint NOT NULL,
    uid                text NOT NULL,
    state              text NOT NULL CHECK (state IN ('history', 'kept', 'oversize', 'deferred', 'to_delete', 'deleted', 'failing')),
    inbound_message_id uuid REFERENCES inbound_message (id),
    sha256             bytea,
    size_bytes         bigint,
    tries              bigint NOT NULL CHECK (tries >= 0),
    last_error         text,
    seen_at            timestamptz NOT NULL,
    CONSTRAINT mailbox_copy_identity PRIMARY KEY (account_id, folder, validity, uid),
    -- Nothing is deleted anywhere before it was kept here.
    CHECK (state NOT IN ('kept', 'to_delete', 'deleted') OR inbound_message_id IS NOT NULL)
);

CREATE INDEX mailbox_copy_hash ON mailbox_copy (account_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX mailbox_copy_message ON mailbox_copy (inbound_message_id);

-- An answer that counted, by one approver for one request.
CREATE TABLE decision (
    id                 uuid NOT NULL PRIMARY KEY,
    access_request_id  uuid NOT NULL REFERENCES access_request (id),
    approver_id        uuid NOT NULL REFERENCES approver (id),
    person_id          uuid NOT NULL REFERENCES person (id),
    answer             text NOT NULL CHECK (answer IN ('approve', 'deny')),
    comment            text,
    channel            text NOT NULL CHECK (channel IN ('email', 'web', 'api')),
    inbound_message_id uuid REFERENCES inbound_message (id),
    decided_at         timestamptz NOT NULL,
    superseded_by      uuid REFERENCES decision (id) DEFERRABLE INITIALLY DEFERRED,
    CHECK (superseded_by IS NULL OR superseded_by <> id)
);

-- At most one live decision per request and approver.
CREATE UNIQUE INDEX decision_live ON decision (access_request_id, approver_id) WHERE superseded_by IS NULL;
-- One mail decides at most once.
CREATE UNIQUE INDEX decision_inbound_message ON decision (inbound_message_id) WHERE inbound_message_id IS NOT NULL;
CREATE INDEX decision_list ON decision (decided_at, id);
CREATE INDEX decision_by_request ON decision (access_request_id, decided_at, id);
CREATE INDEX decision_by_approver ON decision (approver_id, decided_at, id);
CREATE INDEX decision_person ON decision (person_id);
CREATE INDEX decision_superseded_by ON decision (superseded_by) WHERE superseded_by IS NOT NULL;
