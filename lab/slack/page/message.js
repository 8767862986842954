// One message, as a list item.
import { h, localPath } from "./dom.js";
import { blocks } from "./blocks.js";
import { mrkdwn, emojiOf } from "./text.js";

const clock = (ts, tz) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: tz }).format(new Date(Number(ts) * 1000));

export const day = (ts, tz) => new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", timeZone: tz }).format(new Date(Number(ts) * 1000));

function size(n) {
  return n < 1024 ? `${n} bytes` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KB` : `${(n / (1 << 20)).toFixed(1)} MB`;
}

function file(f) {
  const href = localPath(f.url_private);
  const picture = f.mimetype.startsWith("image/");
  return h("figure", { class: "file" },
    h("figcaption", {}, h("a", { href, target: "_blank" }, f.title || f.name), h("span", { class: "calm" }, ` ${f.name}, ${size(f.size)}`)),
    picture ? h("img", { class: "large", src: href, alt: f.alt_txt || f.title || f.name }) : null,
    f.preview ? h("details", {}, h("summary", {}, "Preview"), h("pre", { tabindex: 0 }, f.preview)) : null);
}

function attachment(a, ctx) {
  return h("div", { class: "attachment" },
    a.pretext ? h("p", {}, mrkdwn(a.pretext, ctx)) : null,
    a.title ? h("p", { class: "heading" }, a.title) : null,
    a.text ? h("p", {}, mrkdwn(a.text, ctx)) : null,
    a.blocks ? blocks(a.blocks, ctx) : null);
}

// avatar is a letter on a colour that depends on who it is.
export function avatar(u, bot) {
  const letter = (u?.real_name || u?.name || "?")[0].toUpperCase();
  const tone = [...(u?.id ?? "")].reduce((n, c) => (n * 31 + c.charCodeAt(0)) % 6, 0);
  return h("span", { class: `avatar ${bot ? "bot" : `tone${tone}`}`, "aria-hidden": "true" }, letter);
}

// opts: inThread, replies (of a root), open(ts), shortcuts.
export function message(m, ctx, opts) {
  const u = m.user === "USLACKBOT" ? { id: m.user, name: "slackbot", real_name: "Slackbot" } : ctx.user(m.user);
  const bot = u?.is_bot;
  const mine = { ...ctx, act: (e, b, chosen, at) => ctx.press({ ts: m.ts, action: e.action_id, value: e.value ?? "", chosen }, e, at) };
  const body = h("div", { class: "content" });
  if (m.for) body.append(h("p", { class: "calm only" }, "Only visible to you ", h("button", { type: "button", class: "link", onclick: () => ctx.dismiss(m) }, "Dismiss")));
  body.append(h("p", { class: "by" },
    h("b", {}, u?.real_name || u?.name || m.user),
    bot || m.user === "USLACKBOT" ? h("span", { class: "tag" }, "APP") : null,
    u?.is_restricted || u?.is_ultra_restricted ? h("span", { class: "tag" }, "GUEST") : null,
    u?.is_stranger ? h("span", { class: "tag" }, "OTHER WORKSPACE") : null,
    h("time", { class: "calm", datetime: new Date(Number(m.ts) * 1000).toISOString(), title: new Date(Number(m.ts) * 1000).toISOString() }, clock(m.ts, ctx.tz)),
    m.pinned ? h("span", { class: "calm" }, "pinned") : null,
    m.broadcast && !opts.inThread ? h("span", { class: "calm" }, "replied to a thread") : null));
  if (m.blocks) body.append(...blocks(m.blocks, mine));
  else if (m.text) body.append(h("div", { class: "text" }, mrkdwn(m.text, ctx)));
  if (m.edited) body.append(h("span", { class: "calm small" }, "(edited)"));
  for (const a of m.attachments ?? []) body.append(attachment(a, mine));
  for (const f of m.files ?? []) body.append(file(f));
  if (m.reactions) body.append(h("p", { class: "reactions" }, m.reactions.map((r) => h("span", { title: r.users.map((id) => ctx.user(id)?.name ?? id).join(", ") }, emojiOf(r.name), ` ${r.users.length}`))));
  if (opts.replies?.length && !opts.inThread) {
    const last = opts.replies[opts.replies.length - 1];
    body.append(h("button", { type: "button", class: "link replies", onclick: () => opts.open(m.ts) },
      `${opts.replies.length} ${opts.replies.length === 1 ? "reply" : "replies"}`, h("span", { class: "calm" }, ` last at ${clock(last.ts, ctx.tz)}`)));
  }
  const item = h("li", { class: m.for ? "message ephemeral" : "message", tabindex: 0, "data-ts": m.ts,
    onkeydown: (ev) => { if (ev.key === "Enter" && ev.target === item && !m.for && opts.open) opts.open(m.ts); } }, avatar(u, bot), body);
  if (!m.for && !opts.inThread) {
    item.append(h("div", { class: "tools" },
      h("button", { type: "button", onclick: () => opts.open(m.ts) }, "Reply in thread"),
      opts.shortcuts.map((s) => h("button", { type: "button", onclick: () => ctx.shortcut(s.callback_id, m.ts) }, s.name))));
  }
  return item;
}
