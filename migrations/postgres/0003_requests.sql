-- People, and what they ask of each other.

CREATE TABLE person (
    id         uuid NOT NULL PRIMARY KEY,
    name       text,
    locale     text,
    timezone   text,
    active     boolean NOT NULL,
    version    bigint NOT NULL CHECK (version >= 1),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE INDEX person_list ON person (created_at, id);

-- `address_key` is what two spellings of one mailbox have in common, so an
-- address belongs to one person, however it is written. Position 0 is the
-- primary address.
CREATE TABLE person_address (
    address_key text NOT NULL CONSTRAINT person_address_key PRIMARY KEY,
    address     text NOT NULL,
    person_id   uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    position    bigint NOT NULL CHECK (position >= 0),
    may_answer  boolean NOT NULL,
    CONSTRAINT person_address_position UNIQUE (person_id, position)
);

-- Numbers people call requests by; a row, not a sequence, so that a rolled
-- back request leaves no gap an auditor would ask about.
CREATE TABLE request_number (
    singleton   bigint NOT NULL PRIMARY KEY CHECK (singleton = 1),
    next_number bigint NOT NULL
);

INSERT INTO request_number (singleton, next_number) VALUES (1, 1001);

CREATE TABLE access_request (
    id                  uuid NOT NULL PRIMARY KEY,
    number              bigint NOT NULL CONSTRAINT access_request_number_key UNIQUE,
    external_id         text CONSTRAINT access_request_external_id_key UNIQUE,
    requester_person_id uuid NOT NULL REFERENCES person (id),
    requester_email     text NOT NULL,
    requester_email_key text NOT NULL,
    requester_name      text,
    requester_aliases   jsonb NOT NULL,
    resource            text NOT NULL,
    justification       text,
    access_starts_at    timestamptz,
    access_ends_at      timestamptz,
    expires_at          timestamptz NOT NULL,
    quorum_kind         text NOT NULL CHECK (quorum_kind IN ('any', 'all', 'at_least')),
    quorum_count        bigint CHECK (quorum_count >= 0),
    proof               text CHECK (proof IN ('token_only', 'standard', 'strict')),
    by_mail             text CHECK (by_mail IN ('yes', 'confirm', 'no')),
    smtp_account_id     uuid REFERENCES smtp_account (id) ON DELETE SET NULL,
    metadata            jsonb NOT NULL,
    status              text NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'conflict')),
    level               bigint NOT NULL,
    submitted_at        timestamptz NOT NULL,
    closed_at           timestamptz,
    version             bigint NOT NULL CHECK (version >= 1),
    CHECK ((quorum_kind = 'at_least') = (quorum_count IS NOT NULL)),
    CHECK ((status = 'pending') = (closed_at IS NULL))
);

CREATE INDEX access_request_list ON access_request (submitted_at, id);
CREATE INDEX access_request_by_status ON access_request (status, submitted_at, id);
CREATE INDEX access_request_by_requester ON access_request (requester_email_key, submitted_at, id);
CREATE INDEX access_request_person ON access_request (requester_person_id);
CREATE INDEX access_request_smtp_account ON access_request (smtp_account_id) WHERE smtp_account_id IS NOT NULL;
CREATE INDEX access_request_expiring ON access_request (expires_at) WHERE status = 'pending';

-- One person's place in a request; he stands in one level.
CREATE TABLE approver (
    id                uuid NOT NULL PRIMARY KEY,
    access_request_id uuid NOT NULL REFERENCES access_request (id),
    person_id         uuid NOT NULL REFERENCES person (id),
    position          bigint NOT NULL,
    address           text NOT NULL,
    address_key       text NOT NULL,
    name              text,
    locale            text NOT NULL,
    level             bigint NOT NULL,
    state             text NOT NULL CHECK (state IN ('waiting', 'notified', 'awaiting_confirmation', 'approved', 'denied', 'removed')),
    CONSTRAINT approver_person_once UNIQUE (access_request_id, person_id),
    CONSTRAINT approver_position UNIQUE (access_request_id, position)
);

CREATE INDEX approver_person ON approver (person_id);
CREATE INDEX approver_by_address ON approver (address_key);

-- A status never leads back, and a final one never leads on, but for the
-- conflict that a late deny makes of an approval.
CREATE FUNCTION access_request_status_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a final status does not change' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER access_request_status_is_final BEFORE UPDATE OF status ON access_request
FOR EACH ROW WHEN (NEW.status <> OLD.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.status = 'approved' AND NEW.status = 'conflict')))
EXECUTE FUNCTION access_request_status_is_final();

CREATE FUNCTION access_request_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an access request is not deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER access_request_is_kept BEFORE DELETE ON access_request
FOR EACH ROW EXECUTE FUNCTION access_request_is_kept();
