"""Rich text: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
(read 2026-11-23). It is what host output goes into: Slack interprets nothing in it.
"""

# What may stand in a section, with its properties; "!" must be there. Broadcasts
# are left out on purpose: they wake everybody.
INLINE = {
    "text": "text! style",
    "link": "url! text style unsafe",
    "user": "user_id! style",
    "usergroup": "usergroup_id! style",
    "channel": "channel_id! style",
    "emoji": "name! unicode style",
    "date": "timestamp! format! url fallback style",
}

STYLES = "bold italic strike code underline highlight client_highlight unlink"


def check(c, b, at):
    """Has c note what is wrong with rich text; returns its characters."""
    n = 0
    for here, e in c.items(b.get("elements"), at + "/elements", 1000):
        n += element(c, e, here)
    return n


def element(c, e, at):
    kind = e.get("type") if isinstance(e, dict) else None
    names = {"rich_text_section": "", "rich_text_preformatted": " border language", "rich_text_quote": " border",
             "rich_text_list": " style! indent offset border"}.get(kind)
    if names is None:
        c.bad(at, f"unknown type of rich text {kind!r}")
        return 0
    c.has(e, at, "type! elements!" + names)
    n = 0
    for here, part in c.items(e.get("elements"), at + "/elements", 1000):
        if kind == "rich_text_list":
            n += element(c, part, here)
            continue
        if kind == "rich_text_preformatted" and isinstance(part, dict):
            c.one_of(part.get("type"), here + "/type", {"text", "link"})
        n += inline(c, part, here)
    return n


def inline(c, e, at):
    kind = e.get("type") if isinstance(e, dict) else None
    if kind not in INLINE:
        c.bad(at, f"unknown part of rich text {kind!r}")
        return 0
    c.has(e, at, "type! " + INLINE[kind])
    if "style" in e and c.has(e["style"], at + "/style", STYLES):
        for name, on in e["style"].items():
            c.one_of(on, f"{at}/style/{name}", {True, False})
    if kind == "date" and not isinstance(e.get("timestamp"), int):
        c.bad(at + "/timestamp", "is no whole number")
    said = {"text": "text", "link": "url", "date": "format", "user": "user_id"}.get(kind)
    if said:
        # Rich text is not interpreted: what would wake people elsewhere is text here.
        if not isinstance(e.get(said), str) or not e[said]:
            c.bad(f"{at}/{said}", "is no text, or empty")
            return 0
        if kind == "link" and not e["url"].startswith(("https://", "http://")):
            c.bad(at + "/url", "is no address of the web")
        return len(e[said])
    return 0
