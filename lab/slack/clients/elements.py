"""The elements that people press, choose and type in, and their limits:
https://docs.slack.dev/reference/block-kit/block-elements and
https://docs.slack.dev/reference/block-kit/composition-objects (read 2026-11-23).
"""

SELECTS = {"static_select", "conversations_select", "channels_select", "users_select"}
IN_ACTIONS = {"button", "overflow", "checkboxes", "radio_buttons"} | SELECTS
IN_SECTION = IN_ACTIONS | {"image"}
IN_INPUT = {"plain_text_input", "checkboxes", "radio_buttons"} | SELECTS

# The properties of each beside type and action_id; "!" must be there.
ELEMENTS = {
    "button": "text! url value style confirm accessibility_label",
    "overflow": "options! confirm",
    "checkboxes": "options! initial_options confirm focus_on_load",
    "radio_buttons": "options! initial_option confirm focus_on_load",
    "static_select": "options! initial_option confirm focus_on_load placeholder",
    "conversations_select": "initial_conversation default_to_current_conversation confirm response_url_enabled filter focus_on_load placeholder",
    "channels_select": "initial_channel confirm response_url_enabled focus_on_load placeholder",
    "users_select": "initial_user confirm focus_on_load placeholder",
    "plain_text_input": "initial_value multiline min_length max_length dispatch_action_config focus_on_load placeholder",
    "image": "alt_text! image_url slack_file",
}

MOST_OPTIONS = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10, "static_select": 100}


def check(c, e, at, allowed):
    """Has c note what is wrong with the element e."""
    kind = e.get("type") if isinstance(e, dict) else None
    if kind not in allowed or kind not in ELEMENTS:
        return c.bad(at, f"unknown type of element {kind!r} here")
    c.has(e, at, "type! action_id " + ELEMENTS[kind])
    if kind == "image":
        return c.block_image(e, at)
    # Slack takes the same one in two blocks; whoever reads the answer cannot
    # always tell them apart.
    c.string(e.get("action_id"), at + "/action_id", 255)
    c.unique(c.action_ids, e.get("action_id"), at + "/action_id")
    if "confirm" in e:
        confirm(c, e["confirm"], at + "/confirm")
    if "placeholder" in e:
        c.text(e["placeholder"], at + "/placeholder", 150)
    if kind == "button":
        button(c, e, at)
    if kind == "plain_text_input":
        typed(c, e, at)
    if kind in MOST_OPTIONS:
        options(c, e, at, MOST_OPTIONS[kind])


def button(c, e, at):
    c.text(e.get("text"), at + "/text", 75)
    for name, most in (("value", 2000), ("url", 3000), ("accessibility_label", 75)):
        if name in e:
            c.string(e[name], f"{at}/{name}", most)
    if "style" in e:
        c.one_of(e["style"], at + "/style", {"primary", "danger"})


def confirm(c, v, at):
    if not c.has(v, at, "title! text! confirm! deny! style"):
        return
    c.text(v.get("title"), at + "/title", 100)
    c.text(v.get("text"), at + "/text", 300, ("plain_text", "mrkdwn"))
    c.text(v.get("confirm"), at + "/confirm", 30)
    c.text(v.get("deny"), at + "/deny", 30)


def typed(c, e, at):
    least, most = e.get("min_length", 0), e.get("max_length", 3000)
    if not (isinstance(least, int) and isinstance(most, int) and 0 <= least <= most and 1 <= most <= 3000):
        return c.bad(at, f"takes {least!r} to {most!r} characters")
    if "initial_value" in e:
        c.string(e["initial_value"], at + "/initial_value", most, 0)


def options(c, e, at, most):
    seen, given = set(), []
    for here, o in c.items(e.get("options"), at + "/options", most):
        if not c.has(o, here, "text! value! description url"):
            continue
        given.append(o)
        c.text(o.get("text"), here + "/text", 75, ("plain_text", "mrkdwn") if e["type"] in ("checkboxes", "radio_buttons") else ("plain_text",))
        c.string(o.get("value"), here + "/value", 150)
        c.unique(seen, o.get("value"), here + "/value")
        if "description" in o:
            c.text(o["description"], here + "/description", 75)
    chosen = e.get("initial_options", [])
    if "initial_option" in e:
        chosen = [e["initial_option"]]
    for o in chosen:
        # Value and text both: Slack compares the whole.
        if o not in given:
            c.bad(at, f"is to begin with {o!r}, which is none of its options")
