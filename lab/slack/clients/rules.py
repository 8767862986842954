"""Slack's limits on what an app may show, written from its documentation.

This knows nothing of the sandbox's checker in Go, and is meant not to: where
the two disagree, one of them has read the documentation wrongly. Where Slack
says nothing, or says it in two ways, the stricter reading counts:

  https://docs.slack.dev/reference/block-kit/blocks and the pages below it,
  https://docs.slack.dev/reference/views, https://docs.slack.dev/messaging
  (read 2026-11-23); 13,200 characters in all blocks of a message:
  https://github.com/slackapi/bolt-js/issues/2509.
"""

import json
import re

import elements
import rich

MESSAGE, MODAL, HOME = "message", "modal", "home"
EVERYWHERE = {MESSAGE, MODAL, HOME}

# Of each type of block: where it may stand, and its properties beside type and
# block_id. A property with "!" must be there.
BLOCKS = {
    "actions": (EVERYWHERE, "elements!"),
    "alert": ({MODAL}, "text! level"),
    "context": (EVERYWHERE, "elements!"),
    "data_visualization": ({MESSAGE, HOME}, "title! chart!"),
    "divider": (EVERYWHERE, ""),
    "file": ({MESSAGE}, "external_id! source!"),
    "header": (EVERYWHERE, "text! level"),
    "image": (EVERYWHERE, "alt_text! image_url slack_file title"),
    "input": (EVERYWHERE, "label! element! hint optional dispatch_action"),
    "rich_text": (EVERYWHERE, "elements!"),
    "section": (EVERYWHERE, "text fields accessory expand"),
    "markdown": ({MESSAGE}, "text!"),
    "plan": ({MESSAGE}, "title! tasks"),
    "table": ({MESSAGE}, "rows! column_settings"),
    "task_card": ({MESSAGE}, "task_id! title! status details output sources"),
}

# What wakes people up. No message of a bot that reports on others' output may.
WAKES = re.compile(r"<!(?:here|channel|everyone|subteam\b)")


class Check:
    """One message or view. Each problem is (where, what)."""

    def __init__(self, surface):
        self.surface, self.problems = surface, []
        self.block_ids, self.action_ids, self.task_ids = set(), set(), set()
        self.tables = self.inputs = self.charts = 0

    def bad(self, at, what):
        self.problems.append((at, what))

    def has(self, v, at, names):
        """v is an object of these properties and no others."""
        if not isinstance(v, dict):
            self.bad(at, "is no object")
            return False
        known = {n.rstrip("!"): n.endswith("!") for n in names.split()}
        for name in v:
            if name not in known:
                self.bad(at, f"unknown property {name}")
        for name, needed in known.items():
            if needed and name not in v:
                self.bad(at, f"lacks {name}")
            if name in v and v[name] is None:
                self.bad(f"{at}/{name}", "is null")
        return True

    def string(self, v, at, most, least=1):
        if not isinstance(v, str):
            return self.bad(at, "is no string")
        if not least <= len(v) <= most:
            self.bad(at, f"has {len(v)} characters, not {least} to {most}")
        if WAKES.search(v):
            self.bad(at, "wakes people up")

    def items(self, v, at, most, least=1):
        if not isinstance(v, list):
            self.bad(at, "is no list")
            return []
        if not least <= len(v) <= most:
            self.bad(at, f"has {len(v)} items, not {least} to {most}")
        return [(f"{at}/{i}", e) for i, e in enumerate(v)]

    def one_of(self, v, at, words):
        if v not in words:
            self.bad(at, f"is {v!r}, none of {sorted(words)}")

    def unique(self, seen, v, at):
        if v in seen:
            self.bad(at, f"{v!r} is there twice")
        seen.add(v)

    def text(self, v, at, most, kinds=("plain_text",)):
        """A text object. Slack asks for plain_text nearly everywhere."""
        if not isinstance(v, dict):
            return self.bad(at, "is no text object")
        self.one_of(v.get("type"), at + "/type", kinds)
        self.has(v, at, "type! text! emoji" if v.get("type") == "plain_text" else "type! text! verbatim")
        self.string(v.get("text"), at + "/text", most)

    def block(self, b, at):
        if not isinstance(b, dict) or b.get("type") not in BLOCKS:
            return self.bad(at, f"unknown type of block {b.get('type') if isinstance(b, dict) else b!r}")
        kind = b["type"]
        where, names = BLOCKS[kind]
        if self.surface not in where:
            self.bad(at, f"a {kind} may not stand in a {self.surface}")
        self.has(b, at, "type! block_id " + names)
        if "block_id" in b:
            self.string(b["block_id"], at + "/block_id", 255)
            self.unique(self.block_ids, b["block_id"], at + "/block_id")
        getattr(self, "block_" + kind)(b, at)

    def block_divider(self, b, at):
        pass

    def block_header(self, b, at):
        self.text(b.get("text"), at + "/text", 150)

    def block_markdown(self, b, at):
        self.string(b.get("text"), at + "/text", 12000)

    def block_alert(self, b, at):
        self.text(b.get("text"), at + "/text", 200, ("plain_text", "mrkdwn"))

    def block_file(self, b, at):
        self.string(b.get("external_id"), at + "/external_id", 255)

    def block_section(self, b, at):
        if "text" not in b and "fields" not in b:
            self.bad(at, "has neither text nor fields")
        if "text" in b:
            self.text(b["text"], at + "/text", 3000, ("plain_text", "mrkdwn"))
        if "fields" in b:
            for here, f in self.items(b["fields"], at + "/fields", 10):
                self.text(f, here, 2000, ("plain_text", "mrkdwn"))
        if "accessory" in b:
            elements.check(self, b["accessory"], at + "/accessory", elements.IN_SECTION)

    def block_context(self, b, at):
        for here, e in self.items(b.get("elements"), at + "/elements", 10):
            if isinstance(e, dict) and e.get("type") == "image":
                self.block_image(e, here)
            else:
                self.text(e, here, 3000, ("plain_text", "mrkdwn"))

    def block_image(self, b, at):
        self.string(b.get("alt_text"), at + "/alt_text", 2000)
        if ("image_url" in b) == ("slack_file" in b):
            self.bad(at, "has not exactly one of image_url and slack_file")
        if "image_url" in b:
            self.string(b["image_url"], at + "/image_url", 3000)

    def block_actions(self, b, at):
        for here, e in self.items(b.get("elements"), at + "/elements", 25):
            elements.check(self, e, here, elements.IN_ACTIONS)

    def block_input(self, b, at):
        self.inputs += 1
        self.text(b.get("label"), at + "/label", 2000)
        if "hint" in b:
            self.text(b["hint"], at + "/hint", 2000)
        elements.check(self, b.get("element"), at + "/element", elements.IN_INPUT)

    def block_rich_text(self, b, at):
        rich.check(self, b, at)

    def block_plan(self, b, at):
        self.string(b.get("title"), at + "/title", 3000)
        for here, t in self.items(b.get("tasks", []), at + "/tasks", 50, 0):
            if not isinstance(t, dict) or t.get("type") != "task_card":
                self.bad(here, "is no task_card")
                continue
            self.has(t, here, "type! " + BLOCKS["task_card"][1])
            self.block_task_card(t, here)

    def block_task_card(self, b, at):
        self.string(b.get("task_id"), at + "/task_id", 255)
        self.unique(self.task_ids, b.get("task_id"), at + "/task_id")
        self.string(b.get("title"), at + "/title", 3000)
        if "status" in b:
            self.one_of(b["status"], at + "/status", {"pending", "in_progress", "complete", "error"})
        for part in ("details", "output"):
            if part in b and self.has(b[part], f"{at}/{part}", "type! block_id elements!"):
                self.one_of(b[part].get("type"), f"{at}/{part}/type", {"rich_text"})
                rich.check(self, b[part], f"{at}/{part}")

    def block_table(self, b, at):
        self.tables += 1
        if self.tables > 1:
            self.bad(at, "is a second table in one message")
        columns, cells = 0, 0
        for here, row in self.items(b.get("rows"), at + "/rows", 100):
            for place, cell in self.items(row, here, 20):
                columns = max(columns, len(row))
                cells += self.cell(cell, place)
        if cells > 10000:
            self.bad(at, f"has {cells} characters in its cells, more than 10000")
        for here, s in self.items(b.get("column_settings", []), at + "/column_settings", 20, 0):
            if s is not None and self.has(s, here, "align is_wrapped"):
                self.one_of(s.get("align", "left"), here + "/align", {"left", "center", "right"})
        if len(b.get("column_settings", [])) > columns:
            self.bad(at + "/column_settings", f"are more than the {columns} columns")

    def block_data_visualization(self, b, at):
        """A chart, by the lower numbers where Slack's pages and its SDKs differ:
        https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block (read 2026-11-23)."""
        self.charts += 1
        if self.charts > 2:
            self.bad(at, "is a third chart in one message")
        self.string(b.get("title"), at + "/title", 50)
        chart, here = b.get("chart"), at + "/chart"
        kind = chart.get("type") if isinstance(chart, dict) else None
        if kind == "pie":
            self.has(chart, here, "type! segments!")
            self.points(chart.get("segments"), here + "/segments", 6)
        elif kind in ("bar", "line", "area"):
            self.has(chart, here, "type! series! axis_config!")
            self.series(chart, here)
        else:
            self.bad(here, f"unknown type of chart {kind!r}")

    def series(self, chart, at):
        axis, names = chart.get("axis_config"), set()
        if not self.has(axis, at + "/axis_config", "categories! x_label y_label"):
            return
        categories = []
        for here, name in self.items(axis.get("categories"), at + "/axis_config/categories", 20):
            self.string(name, here, 20)
            self.unique(names, name, here)
            categories.append(name)
        series = set()
        for here, s in self.items(chart.get("series"), at + "/series", 6):
            if not self.has(s, here, "name! data!"):
                continue
            self.string(s.get("name"), here + "/name", 20)
            self.unique(series, s.get("name"), here + "/name")
            labels = self.points(s.get("data"), here + "/data", 20)
            if sorted(map(str, labels)) != sorted(map(str, categories)):
                self.bad(here + "/data", "has not one point for each category")

    def points(self, v, at, most):
        labels = []
        for here, p in self.items(v, at, most):
            if self.has(p, here, "label! value!"):
                self.string(p.get("label"), here + "/label", 20)
                if isinstance(p.get("value"), bool) or not isinstance(p.get("value"), (int, float)):
                    self.bad(here + "/value", "is no number")
                labels.append(p.get("label"))
        return labels

    def cell(self, c, at):
        kind = c.get("type") if isinstance(c, dict) else None
        if kind == "raw_text" and self.has(c, at, "type! text!"):
            self.string(c.get("text"), at + "/text", 3000)
            return len(c["text"]) if isinstance(c.get("text"), str) else 0
        if kind == "rich_text" and self.has(c, at, "type! elements!"):
            return rich.check(self, c, at)
        self.bad(at, f"unknown type of cell {kind!r}")
        return 0



def size(blocks):
    """Characters of the blocks as they go over the wire: no count is higher."""
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def message(body):
    """The problems of a message: an object of text, blocks and more."""
    c = Check(MESSAGE)
    # What notifications and old clients show: Slack takes 40,000, and advises 4,000.
    c.string(body.get("text"), "/text", 4000)
    blocks = body.get("blocks")
    if blocks is not None:
        for at, b in c.items(blocks, "/blocks", 50):
            c.block(b, at)
        kinds = [b.get("type") for b in blocks if isinstance(b, dict)]
        if "plan" in kinds and "task_card" in kinds:
            c.bad("/blocks", "a task_card stands beside a plan")
        if size(blocks) > 13200:
            c.bad("/blocks", f"are {size(blocks)} characters, more than 13200")
        if sum(len(b.get("text", "")) for b in blocks if isinstance(b, dict) and b.get("type") == "markdown") > 12000:
            c.bad("/blocks", "have more than 12000 characters of markdown")
    return c.problems


def view(v):
    """The problems of a modal or an App Home."""
    c = Check(v.get("type") if isinstance(v, dict) else None)
    if c.surface not in (MODAL, HOME):
        return [("/view/type", f"is {c.surface!r}")]
    common = "type! blocks! private_metadata callback_id external_id "
    c.has(v, "/view", common + ("title! submit close clear_on_close notify_on_close submit_disabled" if c.surface == MODAL else ""))
    for name in ("title", "submit", "close"):
        if name in v:
            c.text(v[name], f"/view/{name}", 24)
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if name in v:
            c.string(v[name], f"/view/{name}", most, 0)
    for at, b in c.items(v.get("blocks"), "/view/blocks", 100):
        c.block(b, at)
    if c.surface == MODAL and c.inputs and "submit" not in v:
        c.bad("/view", "has inputs and no submit")
    if size(v) > 250_000:
        c.bad("/view", f"is {size(v)} characters")
    return c.problems
