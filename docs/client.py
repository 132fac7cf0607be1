#!/usr/bin/env python3
"""Asks for access, waits for the answer, prints the decision.

    export COUNTERSIGN_URL=http://127.0.0.1:8025
    export COUNTERSIGN_TOKEN=...        (countersign token create --role requester)
    docs/client.py --requester rita@corp.example --approver ana@corp.example \\
        --resource "root on db1" --minutes 60

Ends with 0 if access was approved, 1 if it was not, 2 if the call was refused.
Needs Python 3 and nothing else.
"""

import argparse
import datetime
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid


class Refused(Exception):
    """The service said no; it holds the problem (RFC 9457)."""


def call(method, path, body=None, headers=None):
    """One call to the API; gives the answer's JSON."""
    request = urllib.request.Request(
        os.environ["COUNTERSIGN_URL"].rstrip("/") + "/api/v1" + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + os.environ["COUNTERSIGN_TOKEN"],
            "Content-Type": "application/json",
            **(headers or {}),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 503:  # for a moment; the caller tries again
            raise urllib.error.URLError("unavailable") from error
        raise Refused(json.load(error)) from error


def patiently(*arguments, tries=5, **named):
    """The same, through a restart: a POST keeps its Idempotency-Key."""
    for left in reversed(range(tries)):
        try:
            return call(*arguments, **named)
        except urllib.error.URLError:
            if not left:
                raise
            time.sleep(2)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requester", required=True, metavar="ADDRESS")
    arguments.add_argument("--approver", required=True, metavar="ADDRESS", action="append")
    arguments.add_argument("--resource", required=True)
    arguments.add_argument("--minutes", type=int, default=60, help="how long to wait")
    arguments.add_argument("--poll-seconds", type=float, default=5)
    given = arguments.parse_args()

    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=given.minutes)
    request = patiently(
        "POST",
        "/access-requests",
        body={
            "requester": {"email": given.requester},
            "resource": given.resource,
            "expires_at": expires.isoformat(),
            "approvers": [{"email": address} for address in given.approver],
        },
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    print(f"{request['reference']} is {request['status']}", flush=True)

    while request["status"] == "pending":
        time.sleep(given.poll_seconds)
        request = patiently("GET", "/access-requests/" + request["id"])

    for decision in patiently("GET", "/decisions?request=" + request["id"])["items"]:
        comment = f": {decision['comment']}" if decision["comment"] else ""
        print(f"{decision['approver']} says {decision['answer']} by {decision['channel']}{comment}")
    print(f"{request['reference']} is {request['status']}")
    return 0 if request["status"] == "approved" else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refused as refused:
        print(json.dumps(refused.args[0], indent=2), file=sys.stderr)
        sys.exit(2)
