-- The words an admin has added to those the readers of answers bring along.

-- One row, or none while nobody added any.
CREATE TABLE lexicon (
    singleton bigint NOT NULL PRIMARY KEY CHECK (singleton = 1),
    body      jsonb NOT NULL,
    version   bigint NOT NULL CHECK (version >= 1)
);
