// Inputs of a modal: drawn here, read when it is submitted.
import { h } from "./dom.js";
import { textObject } from "./text.js";

let serial = 0;

export function input(b, ctx) {
  const e = b.element;
  const id = `input${++serial}`;
  const tell = b.dispatch_action ? (chosen, at) => ctx.act(e, b, chosen, at) : () => {};
  const field = control(e, b, id, ctx, tell);
  const grouped = ["checkboxes", "radio_buttons"].includes(e.type);
  return h(grouped ? "fieldset" : "div", { class: "input", "data-input": e.action_id, "data-kind": e.type },
    h(grouped ? "legend" : "label", { for: grouped ? undefined : id }, textObject(b.label, ctx), b.optional ? h("span", { class: "calm" }, " (optional)") : null),
    field,
    b.hint ? h("p", { class: "calm hint", id: `${id}-hint` }, textObject(b.hint, ctx)) : null,
    h("p", { class: "problem", role: "alert", id: `${id}-problem`, hidden: true }));
}

function control(e, b, id, ctx, tell) {
  const common = { id, placeholder: e.placeholder?.text, autofocus: e.focus_on_load, "data-value": true, "aria-describedby": `${id}-hint ${id}-problem`, "aria-required": b.optional ? undefined : "true", onchange: (ev) => tell([ev.target.value], ev.target) };
  switch (e.type) {
    case "plain_text_input":
      if (e.multiline) return h("textarea", { ...common, rows: 3 }, e.initial_value ?? "");
      return h("input", { ...common, type: "text", value: e.initial_value ?? "", autocomplete: "off" });
    case "number_input": return h("input", { ...common, type: "number", step: e.is_decimal_allowed ? "any" : 1, min: e.min_value, max: e.max_value, value: e.initial_value });
    case "email_text_input": return h("input", { ...common, type: "email", value: e.initial_value });
    case "url_text_input": return h("input", { ...common, type: "url", value: e.initial_value });
    case "datepicker": return h("input", { ...common, type: "date", value: e.initial_date });
    case "timepicker": return h("input", { ...common, type: "time", value: e.initial_time });
    case "external_select": return external(e, common, ctx);
    case "radio_buttons": case "checkboxes": return h("div", { class: "choices" }, boxes(e, b, ctx, tell));
  }
  const many = e.type.startsWith("multi_");
  const initial = [e.initial_option, ...(e.initial_options ?? [])].filter(Boolean).map((o) => o.value)
    .concat(e.initial_user ?? [], e.initial_users ?? [], e.initial_channel ?? [], e.initial_channels ?? [], e.initial_conversation ?? [], e.initial_conversations ?? []);
  const option = (o) => h("option", { value: o.value, selected: initial.includes(o.value) }, o.text.text);
  const select = h("select", { ...common, multiple: many, onchange: (ev) => tell([...ev.target.selectedOptions].map((o) => o.value), ev.target) });
  if (!many) select.append(h("option", { value: "" }, e.placeholder?.text ?? "Choose…"));
  for (const g of e.option_groups ?? []) select.append(h("optgroup", { label: g.label.text }, g.options.map(option)));
  const list = e.type.includes("users") ? ctx.people() : /channels|conversations/.test(e.type) ? ctx.rooms() : e.options ?? [];
  select.append(...list.map(option));
  return select;
}

function boxes(e, b, ctx, tell) {
  const first = [e.initial_option, ...(e.initial_options ?? [])].filter(Boolean).map((o) => o.value);
  return (e.options ?? []).map((o) => h("label", {},
    h("input", { type: e.type === "checkboxes" ? "checkbox" : "radio", name: `${b.block_id}/${e.action_id}`, value: o.value, checked: first.includes(o.value),
      onchange: (ev) => tell([...ev.target.closest(".choices").querySelectorAll("input:checked")].map((i) => i.value), ev.target) }),
    h("span", {}, textObject(o.text, ctx), o.description ? h("small", {}, textObject(o.description, ctx)) : null)));
}

// The app offers the options while one types.
function external(e, common, ctx) {
  const listID = common.id + "-list";
  const list = h("datalist", { id: listID });
  let turn = 0;
  const ask = async (ev) => {
    if (ev.target.value.length < (e.min_query_length ?? 3)) return;
    const mine = ++turn;
    const out = await ctx.suggest(e.action_id, ev.target.value);
    if (mine !== turn) return;
    const options = [...(out.payload?.options ?? []), ...(out.payload?.option_groups ?? []).flatMap((g) => g.options)];
    list.replaceChildren(...options.map((o) => h("option", { value: o.value }, o.text.text)));
  };
  return h("div", {}, h("input", { ...common, type: "text", list: listID, value: e.initial_option?.value, oninput: ask }), list);
}

// values reads every input below el, by action_id.
export function values(el) {
  const out = {};
  for (const box of el.querySelectorAll("[data-input]")) {
    const chosen = box.querySelector(".choices")
      ? [...box.querySelectorAll("input:checked")].map((i) => i.value)
      : [...box.querySelectorAll("[data-value]")].flatMap((f) => (f.multiple ? [...f.selectedOptions].map((o) => o.value) : [f.value]));
    out[box.dataset.input] = chosen.join("\n");
  }
  return out;
}

// restore puts values back after a modal was drawn anew.
export function restore(el, was) {
  for (const box of el.querySelectorAll("[data-input]")) {
    const value = was[box.dataset.input];
    if (!value) continue;
    const list = value.split("\n");
    for (const i of box.querySelectorAll(".choices input")) i.checked = list.includes(i.value);
    for (const f of box.querySelectorAll("[data-value]")) {
      if (f.multiple) for (const o of f.options) o.selected = list.includes(o.value);
      else f.value = value;
    }
  }
}
