#!/usr/bin/env python3
"""Checks what a bot said, as `lab --record FILE` keeps it (a line of JSON for
each call of the Web API) or a golden file does, by two checkers that are none of ours: the models of
Slack's own slack_sdk, where it is installed, and rules.py.

  check.py FILE...           one line for each problem; exit status 1 if there is one
  check.py --mistakes FILE   each seeded mistake of the file must be found
"""

import json
import logging
import sys

import rules

try:
    import slack_sdk.version
    from slack_sdk.errors import SlackObjectFormationError
    from slack_sdk.models.blocks import Block
    from slack_sdk.models.views import View
except ImportError:
    slack_sdk = None

SAYS = {"chat.postMessage", "chat.postEphemeral", "chat.update", "chat.scheduleMessage", "response_url", "ack"}
SHOWS = {"views.open", "views.push", "views.update", "views.publish"}

# Blocks that are newer than this release of slack_sdk: rules.py knows them, and
# slack-go, which has types for them.
NEWER = {"data_visualization"}

# What each method cannot do without.
NEEDS = {
    "chat.postMessage": ["channel"], "chat.postEphemeral": ["channel", "user"], "chat.update": ["channel", "ts"],
    "views.open": ["trigger_id", "view"], "views.update": ["view", "view_id"], "views.publish": ["user_id", "view"],
    "files.completeUploadExternal": ["files"],
}


def plain(v):
    """An argument that a form carries as a string of JSON."""
    return json.loads(v) if isinstance(v, str) and v[:1] in "[{" and v else v


def by_rules(method, body):
    for name in NEEDS.get(method, []):
        if not body.get(name):
            yield f"/{name}", "is missing"
    if method in SAYS:
        yield from rules.message({"text": body.get("text"), "blocks": plain(body.get("blocks"))})
        meta = plain(body.get("metadata"))
        if meta is not None and not (isinstance(meta, dict) and meta.get("event_type") and isinstance(meta.get("event_payload"), dict)):
            yield "/metadata", "is no event with a payload"
    if method in SHOWS:
        yield from rules.view(plain(body.get("view")))


class Said(logging.Handler):
    """What slack_sdk says in its log and not as an error: unknown properties."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def by_sdk(method, body):
    """slack_sdk's models: parsing is strict in some places, validate_json in others."""
    if method in SAYS:
        given, at = plain(body.get("blocks")) or [], "/blocks"
    elif method in SHOWS:
        given, at = [plain(body.get("view"))], "/view"
    else:
        return
    said = Said()
    log = logging.getLogger("slack_sdk")
    log.setLevel(logging.DEBUG)
    log.addHandler(said)
    for i, v in enumerate(given):
        here = f"{at}/{i}" if method in SAYS else at
        if isinstance(v, dict) and v.get("type") in NEWER:
            continue
        try:
            model = Block.parse(v) if method in SAYS else View(**v)
            if model is None:
                yield here, "slack_sdk does not know it"
            else:
                model.validate_json()
                model.to_dict()
        except (SlackObjectFormationError, TypeError, KeyError, AttributeError, ValueError) as err:
            yield here, f"slack_sdk: {err}"
    log.removeHandler(said)
    for line in said.lines:
        if "ignored" in line or "unknown" in line.lower():
            yield at, f"slack_sdk: {line[:300]}"


def goldens(path):
    """The messages and views of a golden file, as calls."""
    with open(path, encoding="utf-8") as f:
        whole = json.load(f)
    if isinstance(whole, dict):
        for calls in whole.values():
            yield from ((c["method"], c["body"]) for c in calls)
        return
    for one in whole:
        if "blocks" in one:
            yield "chat.postMessage", {"channel": "C0INCIDENT", "text": one["text"], "blocks": one["blocks"]}
        for view in one.get("modals", {}).values():
            yield "views.open", {"trigger_id": "1.2.x", "view": view}


def records(path):
    if path.endswith(".golden.json"):
        yield from ((n, *call) for n, call in enumerate(goldens(path), 1))
        return
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            call = json.loads(line)
            yield n, call["method"], call.get("body") or {}


def problems(method, body):
    found = list(by_rules(method, body))
    if slack_sdk:
        found += by_sdk(method, body)
    return found


def check(paths):
    wrong = checked = 0
    for path in paths:
        for n, method, body in records(path):
            checked += method in SAYS or method in SHOWS
            for at, what in problems(method, body):
                wrong += 1
                print(f"{path}:{n}: {method} {at}: {what}")
    sdk = f"slack_sdk {slack_sdk.version.__version__}" if slack_sdk else "slack_sdk: SKIPPED (not installed)"
    print(f"BLOCK KIT: {checked} messages and views in {len(paths)} records, {wrong} problems ({sdk}, rules.py)")
    return 1 if wrong or not checked else 0


def mistakes(path):
    missed = n = 0
    for n, method, body in records(path):
        found = problems(method, body)
        good = body.pop("good", False)
        if bool(found) == good:
            missed += 1
            print(f"{path}:{n}: {'should pass' if good else 'not found'}: {json.dumps(body)[:200]} {found}")
    print(f"BLOCK KIT: {n} seeded messages and views, {missed} judged wrongly")
    return 1 if missed or not n else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(mistakes(sys.argv[2]) if sys.argv[1] == "--mistakes" else check(sys.argv[1:]))
