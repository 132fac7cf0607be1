-- The words an admin has added to those the readers of answers bring along.

-- One row, or none while nobody added any.
CREATE TABLE lexicon (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    body      TEXT NOT NULL,
    version   INTEGER NOT NULL CHECK (version >= 1)
) STRICT;
