-- Who asked: the API token an access request came in by. A requester's token
-- sees what it submitted and nothing else. None where the command line asked.

ALTER TABLE access_request ADD COLUMN submitted_by uuid REFERENCES api_token (id);

CREATE INDEX access_request_submitter ON access_request (submitted_by, submitted_at, id)
    WHERE submitted_by IS NOT NULL;
