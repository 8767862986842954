// The topmost modal of the person, and the question before a button acts.
import { h } from "./dom.js";
import { blocks } from "./blocks.js";
import { textObject } from "./text.js";
import { values, restore } from "./inputs.js";

const dialog = document.getElementById("modal");
const question = document.getElementById("confirm");
let shown = ""; // View id and hash of what is drawn.
let view = null;
let from = null; // Where the keyboard was, and the message that was in: it may be drawn anew meanwhile.

function leave() {
  const ts = from?.closest?.("[data-ts]")?.dataset.ts;
  const box = from?.closest?.("#replies, #messages")?.id ?? "messages";
  if (dialog.open) dialog.close();
  if (from?.isConnected) from.focus();
  else (document.querySelector(`#${box} [data-ts="${CSS.escape(ts ?? "")}"]`) ?? document.getElementById("say")).focus();
  from = null;
}

export function showModal(v, ctx) {
  if (!v) {
    shown = "";
    view = null;
    if (dialog.open) leave();
    return;
  }
  if (shown === v.id + v.hash) return;
  const was = view?.id === v.id ? values(dialog) : {};
  shown = v.id + v.hash;
  view = v;
  const body = v.body;
  const mine = { ...ctx, act: (e, b, chosen, at) => ctx.press({ view: v.id, action: e.action_id, value: e.value ?? "", chosen }, e, at), suggest: (action, typed) => ctx.suggest(v.id, action, typed) };
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const form = h("form", { method: "dialog", novalidate: true, onsubmit: (ev) => { ev.preventDefault(); submit(v, ctx, problem, form); } },
    h("header", {}, h("h2", { id: "modaltitle" }, textObject(body.title, ctx)), h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => ctx.closeView(v.id, false) }, "✕")),
    h("div", { class: "blocks" }, blocks(body.blocks, mine), problem),
    h("footer", {},
      h("button", { type: "button", class: "button", onclick: () => ctx.closeView(v.id, false) }, body.close ? textObject(body.close, ctx) : "Cancel"),
      body.submit ? h("button", { type: "submit", class: "button primary" }, textObject(body.submit, ctx)) : null));
  dialog.replaceChildren(form);
  restore(dialog, was);
  dialog.oncancel = (ev) => { ev.preventDefault(); ctx.closeView(v.id, false); };
  if (!dialog.open) {
    from = document.activeElement;
    dialog.showModal();
  }
  const first = dialog.querySelector("[autofocus], [data-value], .choices input");
  first?.focus();
}

async function submit(v, ctx, problem, form) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  const out = await ctx.submit(v.id, values(form));
  button.disabled = false;
  problem.hidden = true;
  for (const p of form.querySelectorAll(".input .problem")) p.hidden = true;
  for (const i of form.querySelectorAll("[aria-invalid]")) i.removeAttribute("aria-invalid");
  if (out.errors) {
    for (const [id, why] of Object.entries(out.errors)) {
      const p = [...form.querySelectorAll("[data-block]")].find((b) => b.dataset.block === id)?.querySelector(".problem");
      if (!p) continue;
      p.textContent = why;
      p.hidden = false;
      for (const i of p.closest(".input").querySelectorAll("input, textarea, select")) i.setAttribute("aria-invalid", "true");
    }
    form.querySelector(".problem:not([hidden])")?.closest(".input")?.querySelector("input, textarea, select")?.focus();
    return;
  }
  if (out.result !== "ack") {
    problem.textContent = out.result === "refused" || out.result === "invalid_response" ? `${out.result}: ${out.why}` : `We had some trouble connecting. Try again? (${out.result})`;
    problem.hidden = false;
  }
}

// ask shows a confirm object; it resolves to whether the person agreed.
export function ask(c, ctx) {
  return new Promise((resolve) => {
    const answer = (yes) => { question.close(); resolve(yes); };
    question.replaceChildren(h("form", { method: "dialog", onsubmit: (ev) => { ev.preventDefault(); answer(true); } },
      h("header", {}, h("h2", { id: "confirmtitle" }, textObject(c.title, ctx))),
      h("div", { class: "blocks" }, textObject(c.text, ctx)),
      h("footer", {},
        h("button", { type: "button", class: "button", onclick: () => answer(false) }, c.deny ? textObject(c.deny, ctx) : "Cancel"),
        h("button", { type: "submit", class: `button ${c.style ?? "primary"}` }, textObject(c.confirm, ctx)))));
    question.oncancel = (ev) => { ev.preventDefault(); answer(false); };
    question.showModal();
    question.querySelector("[type=submit]").focus();
  });
}
