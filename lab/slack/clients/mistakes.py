#!/usr/bin/env python3
"""Writes seeded mistakes as a record: each line is a call that Slack would
refuse, or one with "good" that it takes. A checker that finds nothing in a
recovery has to find these, or it proves nothing.
"""

import copy
import json

PLAIN = {"type": "plain_text", "text": "Approve"}
BUTTON = {"type": "button", "action_id": "approve", "text": PLAIN, "value": "r1|commit|d1", "style": "primary"}
TASK = {"type": "task_card", "task_id": "a", "title": "Stop", "status": "in_progress"}
TABLE = {"type": "table", "column_settings": [{"align": "right"}], "rows": [[{"type": "raw_text", "text": "s1"}]]}
SAID = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "said", "style": {"bold": True}}]}]}
OPTION = {"text": {"type": "plain_text", "text": "lab"}, "value": "lab"}
SELECT = {"type": "static_select", "action_id": "cluster", "options": [OPTION], "initial_option": OPTION}

MESSAGE = {"channel": "C0INCIDENT", "text": "Commit?", "blocks": [
    {"type": "header", "text": {"type": "plain_text", "text": "Commit?"}}, SAID, {"type": "divider"},
    {"type": "plan", "title": "Recovery", "tasks": [TASK]}, TABLE,
    {"type": "context", "elements": [{"type": "plain_text", "text": "run r1"}]},
    {"type": "section", "text": {"type": "plain_text", "text": "plain"}},
    {"type": "actions", "block_id": "actions", "elements": [BUTTON]},
]}
MODAL = {"type": "modal", "callback_id": "ask", "private_metadata": "{}", "title": {"type": "plain_text", "text": "Approve"},
         "submit": {"type": "plain_text", "text": "Approve"}, "blocks": [
    {"type": "input", "block_id": "cluster", "label": {"type": "plain_text", "text": "Cluster"}, "element": SELECT},
    {"type": "input", "block_id": "typed", "label": {"type": "plain_text", "text": "Type lab"},
     "element": {"type": "plain_text_input", "action_id": "typed", "max_length": 3000}},
]}
HOME = {"type": "home", "blocks": [SAID]}


def text(n, kind="plain_text"):
    return {"type": kind, "text": "x" * n}


def section(n):
    return {"type": "section", "text": text(n)}


def buttons(*changes):
    return {"type": "actions", "elements": [{**BUTTON, **c} for c in changes]}


def rich(*elements):
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def chart(series=1, points=2, title=1, label=2, **more):
    """A bar chart; more replaces parts of its chart."""
    names = [f"{i:02d}".ljust(label, "x") for i in range(points)]
    data = [{"label": n, "value": i} for i, n in enumerate(names)]
    return {"type": "data_visualization", "title": "x" * title, "chart": {
        "type": "bar", "axis_config": {"categories": names}, "series": [{"name": f"s{i}", "data": data} for i in range(series)], **more}}


def cells(rows, columns, n=1):
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x" * n}] * columns] * rows}


# Messages that hold one block too much of something, or one that is wrong.
BLOCKS = [
    [{"type": "divider"}] * 51,
    [section(3001)],
    [section(2900)] * 5,
    [section(0)],
    [{"type": "section"}],
    [{"type": "section", "fields": [text(2001)]}],
    [{"type": "section", "fields": [text(1)] * 11}],
    [{"type": "section", "text": text(1), "colour": "red"}],
    [{"type": "header", "text": text(151)}],
    [{"type": "header", "text": text(1, "mrkdwn")}],
    [{"type": "nothing"}],
    [{"type": "alert", "text": text(1)}],
    [{"type": "context", "elements": []}],
    [{"type": "context", "elements": [text(1)] * 11}],
    [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
    [{"type": "divider", "block_id": "x" * 256}],
    [buttons()],
    [buttons(*({"action_id": f"a{i}"} for i in range(26)))],
    [buttons({}, {})],
    [buttons({"action_id": "x" * 256})],
    [buttons({"text": text(76)})],
    [buttons({"text": text(1, "mrkdwn")})],
    [buttons({"value": "x" * 2001})],
    [buttons({"url": "https://" + "x" * 3000})],
    [buttons({"style": "green"})],
    [buttons({"confirm": {"title": text(101), "text": text(1), "confirm": text(1), "deny": text(1)}})],
    [buttons({"confirm": {"title": text(1), "text": text(301), "confirm": text(1), "deny": text(1)}})],
    [buttons({"confirm": {"title": text(1), "text": text(1), "confirm": text(31), "deny": text(1)}})],
    [{"type": "plan", "title": "", "tasks": []}],
    [{"type": "plan", "title": "p", "tasks": [{**TASK, "task_id": f"t{i}"} for i in range(51)]}],
    [{"type": "plan", "title": "p", "tasks": [TASK, TASK]}],
    [{"type": "plan", "title": "p", "tasks": [{**TASK, "status": "completed"}]}],
    [{"type": "plan", "title": "p", "tasks": []}, TASK],
    [cells(101, 1)],
    [cells(1, 21)],
    [cells(1, 1, 0)],
    [cells(4, 1, 2900)],
    [TABLE, TABLE],
    [{**TABLE, "column_settings": [{"align": "middle"}]}],
    [rich({"type": "text", "text": ""})],
    [rich({"type": "text", "text": "x", "style": {"loud": True}})],
    [rich({"type": "link", "url": ""})],
    [rich({"type": "shout", "text": "x"})],
    [{"type": "markdown", "text": "x" * 12001}],
    [chart(title=51)],
    [chart(title=0)],
    [chart(series=7)],
    [chart(series=0)],
    [chart(points=21)],
    [chart(label=21)],
    [chart(type="donut")],
    [chart(axis_config={"categories": ["00", "other"]})],
    [chart(series=1, title=1), chart(title=2), chart(title=3)],
    [{"type": "data_visualization", "title": "t"}],
    "no list",
]

# What is wrong with a modal, and with an App Home.
VIEWS = [
    {"title": text(25)},
    {"title": text(1, "mrkdwn")},
    {"submit": text(25)},
    {"private_metadata": "x" * 3001},
    {"callback_id": "x" * 256},
    {"blocks": [{"type": "divider"}] * 101},
    {"blocks": [TABLE]},
    {"blocks": [{"type": "plan", "title": "p"}]},
    {"colour": "red"},
    {"type": "popup"},
]
INPUTS = [
    {"label": text(2001)},
    {"label": text(1, "mrkdwn")},
    {"element": {**SELECT, "options": []}},
    {"element": {**SELECT, "options": [{"text": text(1), "value": str(i)} for i in range(101)]}},
    {"element": {**SELECT, "options": [{**OPTION, "text": text(76)}]}},
    {"element": {**SELECT, "options": [{**OPTION, "value": "x" * 151}]}},
    {"element": {**SELECT, "initial_option": {"text": text(1), "value": "other"}}},
    {"element": {**SELECT, "placeholder": text(151)}},
    {"element": {"type": "plain_text_input", "action_id": "a", "max_length": 3001}},
    {"element": BUTTON},
]


def calls():
    yield "chat.postMessage", {**MESSAGE, "good": True}
    yield "chat.postMessage", {**MESSAGE, "blocks": [chart(6, 20, 50, 20), chart(), SAID], "good": True}
    yield "views.open", {"trigger_id": "1.2.x", "view": MODAL, "good": True}
    yield "views.publish", {"user_id": "U0ANN00001", "view": HOME, "good": True}
    for blocks in BLOCKS:
        yield "chat.postMessage", {**MESSAGE, "blocks": blocks}
    yield "chat.postMessage", {"channel": "C0INCIDENT", "text": "", "blocks": []}
    yield "chat.postMessage", {**MESSAGE, "text": "x" * 40001}
    for change in VIEWS:
        yield "views.open", {"trigger_id": "1.2.x", "view": {**MODAL, **change}}
    unsendable = copy.deepcopy(MODAL)
    del unsendable["submit"]
    yield "views.open", {"trigger_id": "1.2.x", "view": unsendable}
    for change in INPUTS:
        yield "views.open", {"trigger_id": "1.2.x", "view": {**MODAL, "blocks": [{**MODAL["blocks"][0], **change}]}}


if __name__ == "__main__":
    for method, body in calls():
        print(json.dumps({"method": method, "body": body}))
