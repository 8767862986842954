// rich_text and the markdown block.
import { h } from "./dom.js";
import { emojiOf, person, channel, group, link, formatDate } from "./text.js";

export function richText(block, ctx) {
  return h("div", { class: "rich" }, (block?.elements ?? []).map((e) => part(e, ctx)));
}

function part(e, ctx) {
  const inner = () => (e.elements ?? []).flatMap((x) => leaf(x, ctx));
  switch (e.type) {
    case "rich_text_section": return h("div", {}, inner());
    case "rich_text_quote": return h("blockquote", {}, inner());
    case "rich_text_preformatted": return h("pre", { tabindex: 0 }, inner());
    case "rich_text_list": {
      const list = h(e.style === "ordered" ? "ol" : "ul", { class: `indent${Math.min(e.indent ?? 0, 4)}`, start: e.offset ? e.offset + 1 : undefined });
      list.append(...(e.elements ?? []).map((x) => h("li", {}, (x.elements ?? []).flatMap((y) => leaf(y, ctx)))));
      return list;
    }
  }
  return unknown(e.type);
}

function leaf(e, ctx) {
  switch (e.type) {
    case "text": return styled(e.text.split("\n").flatMap((t, i) => (i ? [h("br"), t] : [t])), e.style);
    case "link": return styled([link(e.url, e.text)], e.style);
    case "user": return [person(e.user_id, ctx)];
    case "usergroup": return [group(e.usergroup_id, ctx)];
    case "channel": return [channel(e.channel_id, ctx)];
    case "broadcast": return [h("span", { class: "mention loud" }, "@" + e.range)];
    case "emoji": return [emojiOf(e.name)];
    case "date": return [h("time", { title: new Date(e.timestamp * 1000).toISOString() }, formatDate(e.timestamp, e.format ?? "{date} {time}", ctx.tz))];
    case "color": return [h("code", {}, e.value)];
  }
  return [unknown(e.type)];
}

function styled(nodes, style = {}) {
  for (const [key, tag] of [["code", "code"], ["bold", "b"], ["italic", "i"], ["strike", "s"], ["underline", "u"]]) {
    if (style[key]) nodes = [h(tag, {}, nodes)];
  }
  return nodes;
}

export const unknown = (type) => h("p", { class: "problem" }, `This page cannot draw “${type}”.`);

// The markdown block: headings, lists, quotes, fences, bold, italic, code, links.
export function markdown(text) {
  const out = h("div", { class: "rich markdown" });
  let list = null;
  let fence = null;
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) {
      if (fence) { out.append(h("pre", { tabindex: 0 }, fence.join("\n"))); fence = null; } else fence = [];
      list = null;
      continue;
    }
    if (fence) { fence.push(line); continue; }
    const item = line.match(/^\s*(?:[-*]|(\d+)\.)\s+(.*)/);
    if (item) {
      if (!list) out.append((list = h(item[1] ? "ol" : "ul")));
      list.append(h("li", {}, span(item[2])));
      continue;
    }
    list = null;
    const head = line.match(/^#{1,6}\s+(.*)/);
    if (head) out.append(h("p", { class: "heading" }, span(head[1])));
    else if (line.startsWith(">")) out.append(h("blockquote", {}, span(line.replace(/^>\s?/, ""))));
    else if (line.trim()) out.append(h("p", {}, span(line)));
  }
  if (fence) out.append(h("pre", { tabindex: 0 }, fence.join("\n")));
  return out;
}

function span(text) {
  const out = [];
  let last = 0;
  for (const m of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|_([^_]+)_|~~([^~]+)~~|\[([^\]]+)\]\(([^)\s]+)\)/g)) {
    out.push(text.slice(last, m.index));
    last = m.index + m[0].length;
    if (m[1]) out.push(h("code", {}, m[1]));
    else if (m[2]) out.push(h("b", {}, m[2]));
    else if (m[3] ?? m[4]) out.push(h("i", {}, m[3] ?? m[4]));
    else if (m[5]) out.push(h("s", {}, m[5]));
    else out.push(link(m[7], m[6]));
  }
  out.push(text.slice(last));
  return out;
}
