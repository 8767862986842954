// Slack's mrkdwn, dates, mentions and a few emoji, drawn with plain glyphs so
// that no colour font is needed.
import { h, safeLink } from "./dom.js";

const emoji = {
  white_check_mark: ["✔", "good"], heavy_check_mark: ["✔", "good"], x: ["✖", "bad"], warning: ["⚠", "warn"],
  rotating_light: ["▲", "bad"], no_entry: ["⊘", "bad"], no_entry_sign: ["⊘", "bad"], octagonal_sign: ["⬣", "bad"],
  large_green_circle: ["●", "good"], large_yellow_circle: ["●", "warn"], large_orange_circle: ["●", "warn"],
  red_circle: ["●", "bad"], large_red_circle: ["●", "bad"], large_blue_circle: ["●", "info"], white_circle: ["○", "calm"],
  hourglass: ["◔", "info"], hourglass_flowing_sand: ["◔", "info"], arrows_counterclockwise: ["↻", "info"],
  information_source: ["ℹ", "info"], arrow_right: ["→", ""], eyes: ["◉", ""], lock: ["◈", ""], wrench: ["⚙", ""], gear: ["⚙", ""],
  memo: ["✎", ""], pushpin: ["✜", ""], bell: ["◭", ""], tada: ["✦", "good"], "+1": ["⊕", "good"], "-1": ["⊖", "bad"], question: ["?", "warn"],
};

export function emojiOf(name) {
  const found = emoji[name];
  if (!found) return h("span", { class: "emoji calm" }, `:${name}:`);
  return h("span", { class: `emoji ${found[1]}`, role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, found[0]);
}

export const plainEmoji = (text) => pieces(text ?? "", /:([a-z0-9_+-]+):/g, (m) => (emoji[m[1]] ? emojiOf(m[1]) : m[0]), (t) => t);

const entities = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const unescape = (s) => s.replace(/&(?:amp|lt|gt);/g, (e) => entities[e]);

// pieces splits text at a pattern: what matches becomes on(match), the rest off(text).
function pieces(text, pattern, on, off) {
  const out = [];
  let last = 0;
  for (const m of text.matchAll(pattern)) {
    if (m.index > last) out.push(off(text.slice(last, m.index)));
    out.push(on(m));
    last = m.index + m[0].length;
  }
  if (last < text.length) out.push(off(text.slice(last)));
  return out.flat();
}

export function mrkdwn(text, ctx) {
  return pieces(text ?? "", /```\n?([\s\S]*?)\n?```/g, (m) => h("pre", {}, unescape(m[1])), (t) => quotes(t, ctx));
}

// Lines that begin with > stand in a quote.
function quotes(text, ctx) {
  return pieces(text, /^(?:&gt; ?.*(?:\n|$))+/gm, (m) => h("blockquote", {}, lines(m[0].replace(/^&gt; ?/gm, "").trimEnd(), ctx)), (t) => lines(t, ctx));
}

function lines(text, ctx) {
  return text.split("\n").flatMap((line, i) => (i ? [h("br"), inline(line, ctx)] : [inline(line, ctx)])).flat();
}

const inlinePattern = /`([^`\n]+)`|<([^<>\n]+)>|(?<![\w*])\*(\S(?:[^*\n]*?\S)?)\*(?![\w*])|(?<![\w_])_(\S(?:[^_\n]*?\S)?)_(?![\w_])|(?<![\w~])~(\S(?:[^~\n]*?\S)?)~(?![\w~])|:([a-z0-9_+-]+):/g;

function inline(text, ctx) {
  return pieces(text, inlinePattern, (m) => {
    if (m[1] !== undefined) return h("code", {}, pieces(m[1], /<([^<>\n]+)>/g, (t) => reference(t[1], ctx), unescape));
    if (m[2] !== undefined) return reference(m[2], ctx);
    if (m[3] !== undefined) return h("b", {}, inline(m[3], ctx));
    if (m[4] !== undefined) return h("i", {}, inline(m[4], ctx));
    if (m[5] !== undefined) return h("s", {}, inline(m[5], ctx));
    return emoji[m[6]] ? emojiOf(m[6]) : m[0];
  }, unescape);
}

// What stands between < and >.
function reference(body, ctx) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : unescape(body.slice(bar + 1));
  if (target.startsWith("@")) return person(target.slice(1), ctx, label);
  if (target.startsWith("#")) return channel(target.slice(1), ctx, label);
  if (target.startsWith("!date^")) return date(target.split("^"), label, ctx);
  if (target.startsWith("!subteam^")) return group(target.slice(9), ctx, label);
  if (target.startsWith("!")) return h("span", { class: "mention loud" }, "@" + target.slice(1));
  return link(unescape(target), label);
}

export function link(url, label) {
  if (!safeLink(url)) return label || url;
  return h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, label || url);
}

export function person(id, ctx, label) {
  const u = ctx.user(id);
  return h("span", { class: id === ctx.me ? "mention me" : "mention" }, "@" + (u ? u.name : label || id));
}

export function channel(id, ctx, label) {
  const c = ctx.channel(id);
  return h("span", { class: "mention" }, "#" + (c?.name ?? (label || id)));
}

export function group(id, ctx, label) {
  const g = ctx.group(id);
  return h("span", { class: "mention" }, g ? "@" + g.handle : label || "@" + id);
}

const formats = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "2-digit", minute: "2-digit", hour12: false },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false },
};

export function formatDate(seconds, format, tz) {
  const when = new Date(seconds * 1000);
  return format.replace(/\{(\w+?)(_pretty)?\}/g, (all, name, pretty) => {
    if (name === "ago") return `${Math.max(0, Math.round((Date.now() - when) / 60000))} min ago`;
    if (!formats[name]) return all;
    if (pretty && new Date().toDateString() === when.toDateString()) return "today";
    return new Intl.DateTimeFormat("en-GB", { ...formats[name], timeZone: tz }).format(when);
  });
}

// The reader's own time, with UTC to see on hovering.
function date([, seconds, format, url], label, ctx) {
  const n = Number(seconds);
  if (!Number.isFinite(n) || !format) return label;
  const shown = h("time", { datetime: new Date(n * 1000).toISOString(), title: new Date(n * 1000).toISOString() }, formatDate(n, unescape(format), ctx.tz));
  return url && safeLink(url) ? h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, shown) : shown;
}

// A text object of Block Kit.
export function textObject(t, ctx) {
  if (!t) return [];
  return t.type === "mrkdwn" ? mrkdwn(t.text, ctx) : plainEmoji(t.text).flatMap((p) => (typeof p === "string" ? p.split("\n").flatMap((l, i) => (i ? [h("br"), l] : [l])) : [p]));
}
