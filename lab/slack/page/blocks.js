// Block Kit, as far as a bot of operations uses it.
import { h, localPath } from "./dom.js";
import { textObject, link } from "./text.js";
import { richText, markdown, unknown } from "./rich.js";
import { table, chart } from "./data.js";
import { input } from "./inputs.js";

// ctx: me, tz, user(id), channel(id), group(id), file(id), act(element, block, chosen) -> what a press or choice does.
export function blocks(list, ctx) {
  return (list ?? []).map((b) => {
    const el = block(b, ctx);
    el.dataset.block = b.block_id ?? "";
    return el;
  });
}

function block(b, ctx) {
  const inner = { ...ctx, button: (e) => element(e, b, ctx) };
  switch (b.type) {
    case "header": return h("h3", { class: "header" }, textObject(b.text, ctx));
    case "section": return section(b, ctx);
    case "divider": return h("hr");
    case "context": return h("div", { class: "context" }, b.elements.map((e) => (e.type === "image" ? picture(e, ctx, "icon") : h("span", {}, textObject(e, ctx)))));
    case "actions": case "context_actions": return h("div", { class: "actions" }, b.elements.map((e) => element(e, b, ctx)));
    case "rich_text": return richText(b, ctx);
    case "markdown": return markdown(b.text);
    case "table": case "data_table": return table(b, inner);
    case "data_visualization": return chart(b);
    case "image": return h("figure", {}, b.title ? h("figcaption", {}, textObject(b.title, ctx)) : null, picture(b, ctx, "large"));
    case "plan": return h("section", { class: "plan" }, h("p", { class: "heading" }, b.title), h("ol", {}, (b.tasks ?? []).map((t) => h("li", {}, task(t, ctx)))));
    case "task_card": return task(b, ctx);
    case "container": return container(b, ctx);
    case "alert": return h("p", { class: `alert ${b.level ?? "default"}` }, textObject(b.text, ctx));
    case "card": return card(b, ctx);
    case "carousel": return h("div", { class: "carousel" }, b.elements.map((c) => card(c, ctx)));
    case "input": return input(b, ctx);
    case "file": return h("p", { class: "calm" }, "Remote file ", b.external_id);
    case "video": return h("p", {}, link(b.title_url ?? b.video_url, b.title?.text));
  }
  return unknown(b.type);
}

function section(b, ctx) {
  const body = h("div", { class: "body" });
  if (b.text) body.append(h("div", { class: "text" }, textObject(b.text, ctx)));
  if (b.fields) body.append(h("div", { class: "fields" }, b.fields.map((f) => h("div", {}, textObject(f, ctx)))));
  return h("div", { class: "section" }, body, b.accessory ? h("div", { class: "accessory" }, b.accessory.type === "image" ? picture(b.accessory, ctx, "thumb") : element(b.accessory, b, ctx)) : null);
}

function picture(e, ctx, size) {
  const file = e.slack_file ? ctx.file(e.slack_file.id) ?? { url_private: e.slack_file.url } : null;
  const src = localPath(file ? file.url_private : e.image_url);
  if (!src) return h("span", { class: `picture ${size}`, role: "img", "aria-label": e.alt_text, title: file ? "" : e.image_url }, size === "icon" ? "▫" : e.alt_text);
  return h("img", { class: size, src, alt: e.alt_text });
}

const states = { pending: ["○", "calm", "to do"], in_progress: ["◔", "info", "running"], complete: ["✔", "good", "done"], error: ["✖", "bad", "failed"] };

function task(t, ctx) {
  const [glyph, tone, word] = states[t.status] ?? states.pending;
  return h("div", { class: `task ${tone}` },
    h("span", { class: `state emoji ${tone}`, role: "img", "aria-label": word, title: word }, glyph),
    h("div", {},
      t.hide_title ? null : h("p", { class: "title" }, t.title, t.title.includes(" · ") ? null : h("span", { class: `word ${tone}` }, word)),
      t.details ? richText(t.details, ctx) : null,
      t.output ? h("div", { class: "output" }, richText(t.output, ctx)) : null,
      t.sources ? h("p", { class: "context" }, t.sources.map((s) => link(s.url, s.text))) : null));
}

function container(b, ctx) {
  const title = b.rich_text_title ? richText(b.rich_text_title, ctx) : textObject(b.title, ctx);
  const sub = b.subtitle ? h("span", { class: "subtitle" }, textObject(b.subtitle, ctx)) : null;
  const children = h("div", { class: "children" }, blocks(b.child_blocks, ctx));
  if (!b.is_collapsible) return h("section", { class: "container" }, h("p", { class: "heading" }, title, sub), children);
  return h("details", { class: "container", open: !b.default_collapsed }, h("summary", {}, title, sub), children);
}

function card(b, ctx) {
  return h("section", { class: "card" },
    b.title ? h("p", { class: "heading" }, textObject(b.title, ctx)) : null,
    b.subtitle ? h("p", { class: "calm" }, textObject(b.subtitle, ctx)) : null,
    b.body ? h("p", {}, textObject(b.body, ctx)) : null,
    b.subtext ? h("p", { class: "context" }, textObject(b.subtext, ctx)) : null,
    b.actions ? h("div", { class: "actions" }, b.actions.map((e) => element(e, b, ctx))) : null);
}

// An element that tells the app at once.
export function element(e, b, ctx) {
  if (e.visible_to_user_ids?.length && !e.visible_to_user_ids.includes(ctx.me)) return null;
  const label = e.accessibility_label;
  switch (e.type) {
    case "button": case "workflow_button": case "icon_button":
      return h("button", { type: "button", class: `button ${e.style ?? ""}`, "data-action": e.action_id, "aria-label": label,
        onclick: (ev) => { if (e.url) window.open(e.url, "_blank", "noopener"); ctx.act(e, b, null, ev.currentTarget); } }, textObject(e.text, ctx));
    case "static_select": return menu(e, b, ctx, e.placeholder?.text ?? "Choose…");
    case "overflow": return menu(e, b, ctx, "⋯");
    case "users_select": return menu({ ...e, options: ctx.people() }, b, ctx, e.placeholder?.text ?? "Choose a person…");
    case "radio_buttons": case "checkboxes": return choices(e, b, ctx);
    case "datepicker": return h("input", { type: "date", value: e.initial_date, "aria-label": e.placeholder?.text ?? "Date", onchange: (ev) => ctx.act(e, b, [ev.target.value], ev.target) });
  }
  return unknown(e.type);
}

export const optionsOf = (e) => [...(e.options ?? []), ...(e.option_groups ?? []).flatMap((g) => g.options)];

function menu(e, b, ctx, hint) {
  const select = h("select", { class: e.type, "data-action": e.action_id, "aria-label": hint === "⋯" ? "More" : hint,
    onchange: (ev) => { const v = ev.target.value; if (e.type === "overflow") ev.target.value = ""; if (v) ctx.act(e, b, [v], ev.target); } },
    h("option", { value: "" }, hint), optionsOf(e).map((o) => h("option", { value: o.value, selected: e.initial_option?.value === o.value }, o.text.text)));
  return select;
}

function choices(e, b, ctx) {
  const kind = e.type === "checkboxes" ? "checkbox" : "radio";
  const first = e.initial_options ?? (e.initial_option ? [e.initial_option] : []);
  const box = h("div", { class: "choices" });
  const name = `${b.block_id}/${e.action_id}`;
  box.append(...optionsOf(e).map((o) => h("label", {},
    h("input", { type: kind, name, value: o.value, checked: first.some((f) => f.value === o.value),
      onchange: (ev) => ctx.act(e, b, [...box.querySelectorAll("input:checked")].map((i) => i.value), ev.target) }),
    h("span", {}, textObject(o.text, ctx), o.description ? h("small", {}, textObject(o.description, ctx)) : null))));
  return box;
}

