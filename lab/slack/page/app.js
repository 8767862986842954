// The page: who one is, where one looks, and what there is to see.
import { h } from "./dom.js";
import { blocks } from "./blocks.js";
import { message, avatar, day } from "./message.js";
import { showModal, ask } from "./modal.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const at = { as: query.get("as") ?? "", channel: query.get("channel") ?? "", thread: query.get("thread") ?? "", home: query.get("view") === "home" };
const read = new Map(); // Newest message seen, by channel.
let state = null;

const context = () => ({
  me: state.me,
  tz: state.users.find((u) => u.id === state.me)?.tz ?? "Etc/UTC",
  user: (id) => state.users.find((u) => u.id === id),
  channel: (id) => (state.channels ?? []).find((c) => c.id === id),
  group: (id) => (state.groups ?? []).find((g) => g.id === id),
  file: (id) => state.files[id],
  people: () => state.users.filter((u) => !u.is_bot && !u.deleted).map((u) => ({ value: u.id, text: { text: u.real_name } })),
  rooms: () => (state.channels ?? []).filter((c) => !c.is_im).map((c) => ({ value: c.id, text: { text: "#" + c.name } })),
  press,
  dismiss: (m) => act({ do: "dismiss", channel: m.channel, ts: m.ts }),
  shortcut: (callback, ts) => act({ do: "shortcut", channel: at.channel, callback, ts }).then(report),
  submit: (view, values) => act({ do: "submit", view, values }),
  suggest: (view, action, value) => act({ do: "suggest", view, action, value }),
  closeView: (view, all) => act({ do: "close", view, all }),
});

// Until then what comes is shown, wherever one has scrolled to: one has asked.
let answerUntil = 0;

async function act(what) {
  if (!["direct", "home"].includes(what.do)) answerUntil = Date.now() + 15000;
  const answer = await fetch("/ui/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ as: state.me, ...what }) });
  return answer.json();
}

async function press(what, element, button) {
  if (element.confirm && !(await ask(element.confirm, context()))) return;
  // Not disabled: that would take the keyboard away from it.
  if (button?.getAttribute("aria-disabled") === "true") return;
  button?.setAttribute("aria-disabled", "true");
  const out = await act({ do: "press", channel: at.channel, ...what });
  button?.removeAttribute("aria-disabled");
  report(out);
}

// report says what went wrong with an act, as Slack's warning triangle does.
let noteTimer;
function report(out) {
  if (out.result === "ack") return;
  const note = $("note");
  note.textContent = `⚠ ${out.result === "refused" ? out.why : out.result}`;
  note.hidden = false;
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => (note.hidden = true), 6000);
}

function go(change) {
  Object.assign(at, change);
  const url = new URL("/", location.href);
  url.searchParams.set("as", state.me);
  url.searchParams.set("channel", at.channel);
  if (at.thread) url.searchParams.set("thread", at.thread);
  if (at.home) url.searchParams.set("view", "home");
  history.replaceState(null, "", url);
  draw();
}

function drawSide() {
  $("team").textContent = state.team.Name;
  const people = state.users.filter((u) => !u.is_bot);
  const labels = people.map((u) => `${u.real_name}${u.is_restricted || u.is_ultra_restricted ? " (guest)" : u.is_stranger ? " (other workspace)" : u.deleted ? " (deactivated)" : ""}`);
  if ($("person").dataset.drawn !== labels.join()) {
    $("person").replaceChildren(...people.map((u, i) => h("option", { value: u.id }, labels[i])));
    $("person").dataset.drawn = labels.join();
  }
  $("person").value = state.me;
  const entry = (c, label) => {
    const list = state.messages[c.id] ?? [];
    const newest = list.at(-1)?.ts ?? "";
    const here = c.id === at.channel;
    if (here || !read.has(c.id)) read.set(c.id, newest);
    return h("li", {}, h("button", { type: "button", class: newest > read.get(c.id) ? "unread" : "", "aria-current": here ? "page" : undefined,
      onclick: () => (c.is_im ? openBot(newest <= read.get(c.id)) : go({ channel: c.id, thread: "", home: false })) }, label));
  };
  const bot = context().user(state.bot);
  const rooms = (state.channels ?? []).filter((c) => !c.is_im);
  const direct = (state.channels ?? []).find((c) => c.is_im);
  redraw($("channels"), rooms.map((c) => entry(c, `${c.is_private ? "▪" : "#"} ${c.name}`)));
  redraw($("direct"), [direct ? entry(direct, [avatar(bot, true), bot.name]) : h("li", {}, h("button", { type: "button", onclick: () => openBot(true) }, avatar(bot, true), bot.name))]);
  redraw($("globals"), (state.shortcuts ?? []).filter((s) => s.global).map((s) => h("li", {}, h("button", { type: "button", onclick: () => context().shortcut(s.callback_id, "") }, "⚡ " + s.name))));
  $("links").textContent = state.links ? `app connected, ${state.links} ${state.links === 1 ? "link" : "links"}` : "app not connected";
  $("links").className = state.links ? "good" : "bad";
}

// redraw replaces children if they differ, and keeps the keyboard where it was: a
// click on a button that is replaced meanwhile would be none.
function redraw(el, children) {
  const html = (list) => [...list].map((c) => c.outerHTML).join("");
  if (html(el.children) === html(children)) return;
  const i = [...el.children].findIndex((c) => c.contains(document.activeElement));
  el.replaceChildren(...children);
  if (i >= 0) (el.children[i]?.querySelector("button") ?? el.children[i])?.focus?.();
}

// openBot shows the app's home, or its direct messages if there are new ones.
async function openBot(home) {
  await act({ do: "direct" });
  await refresh();
  const direct = state.channels.find((c) => c.is_im);
  go({ channel: direct.id, thread: "", home });
  if (home) act({ do: "home" });
}

// list brings an ordered list of messages up to date; an item whose message is
// the same stays as it is, with its focus, its scroll and what is folded out.
function list(el, items) {
  const old = new Map([...el.children].map((c) => [c.dataset.key, c]));
  const next = items.map(({ key, make }) => {
    const id = JSON.stringify(key);
    const have = old.get(id);
    if (have) return have;
    const made = make();
    made.dataset.key = id;
    return made;
  });
  const stays = new Set(next);
  const active = document.activeElement?.closest?.("[data-ts]");
  const lost = active && el.contains(active) && !stays.has(active) ? active.dataset.ts : "";
  for (const c of [...el.children]) if (!stays.has(c)) c.remove();
  next.forEach((c, i) => { if (el.children[i] !== c) el.insertBefore(c, el.children[i] ?? null); });
  if (lost) [...el.children].find((c) => c.dataset.ts === lost)?.focus();
}

// follow draws and stays at the end if one was there.
function follow(box, drawing, jump) {
  const end = jump || box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  drawing();
  if (end) box.scrollTop = box.scrollHeight;
}

let lastPlace = "";
let lastThread = "";
let lastSeen = "";

function drawMain() {
  const ctx = context();
  const c = ctx.channel(at.channel);
  const name = c?.is_im ? ctx.user(state.bot).name : `${c?.is_private ? "" : "#"} ${c?.name ?? ""}`;
  $("title").textContent = name;
  const marks = (state.bookmarks ?? []).filter((b) => b.channel_id === at.channel);
  $("topic").replaceChildren(c?.topic?.value ?? "", ...marks.map((b) => h("a", { href: b.link, target: "_blank", rel: "noreferrer" }, ` ⚑ ${b.title}`)));
  const show = (home) => { go({ home }); if (home) act({ do: "home" }); };
  const tab = (label, home) => h("button", { type: "button", role: "tab", "aria-selected": at.home === home ? "true" : "false", "aria-controls": home ? "home" : "messages",
    tabindex: at.home === home ? 0 : -1, onclick: () => show(home), onkeydown: (ev) => { if (["ArrowLeft", "ArrowRight"].includes(ev.key)) { show(!home); $("tabs").querySelector("[aria-selected=true]")?.focus(); } } }, label);
  redraw($("tabs"), c?.is_im ? [tab("Home", true), tab("Messages", false)] : []);
  const home = Boolean(c?.is_im && at.home);
  $("home").hidden = !home;
  $("messages").hidden = home;
  $("compose").hidden = home;
  if (home) return drawHome(ctx);
  $("say").placeholder = `Message ${name}, or ${state.command} help`;
  const all = state.messages[at.channel] ?? [];
  const replies = new Map();
  for (const m of all) if (m.thread_ts && m.thread_ts !== m.ts && !m.for) replies.set(m.thread_ts, [...(replies.get(m.thread_ts) ?? []), m]);
  const shortcuts = (state.shortcuts ?? []).filter((s) => !s.global);
  const items = [];
  let today = "";
  for (const m of all) {
    if (m.thread_ts && m.thread_ts !== m.ts && !m.broadcast) continue;
    const d = day(m.ts, ctx.tz);
    if (d !== today) { items.push({ key: ["day", d], make: () => h("li", { class: "day" }, h("span", {}, d)) }); today = d; }
    const r = replies.get(m.ts) ?? [];
    items.push({ key: [state.me, m, r.length], make: () => message(m, ctx, { replies: r, open: (ts) => { go({ thread: m.broadcast ? m.thread_ts : ts }); $("answer").focus(); }, shortcuts }) });
  }
  const place = state.me + at.channel;
  const newest = all.filter((m) => !m.thread_ts || m.thread_ts === m.ts || m.broadcast || m.for).at(-1)?.ts ?? "";
  const answered = newest > lastSeen && Date.now() < answerUntil;
  follow($("scroll"), () => list($("messages"), items), place !== lastPlace || answered);
  lastPlace = place;
  lastSeen = newest;
}

let homeShown = "";
function drawHome(ctx) {
  const v = state.home;
  const key = v ? v.id + v.hash : "";
  if (key && key === homeShown && $("home").children.length) return;
  homeShown = key;
  const mine = v && { ...ctx, act: (e, b, chosen, button) => ctx.press({ view: v.id, action: e.action_id, value: e.value ?? "", chosen }, e, button) };
  $("home").replaceChildren(...(v ? blocks(v.body.blocks, mine) : [h("p", { class: "calm" }, "The app has not published its home.")]));
}

function drawThread() {
  const ctx = context();
  const all = (state.messages[at.channel] ?? []).filter((m) => m.ts === at.thread || m.thread_ts === at.thread);
  $("thread").hidden = !all.length;
  if (!all.length) return;
  const items = all.map((m) => ({ key: ["thread", state.me, m], make: () => message(m, ctx, { inThread: true, shortcuts: [] }) }));
  follow($("threadscroll"), () => list($("replies"), items), lastThread !== at.thread);
  lastThread = at.thread;
}

function draw() {
  if (!(state.channels ?? []).some((c) => c.id === at.channel)) {
    at.channel = (state.channels ?? []).find((c) => !c.is_im)?.id ?? "";
    at.thread = "";
  }
  drawSide();
  drawMain();
  drawThread();
  showModal(state.modals?.at(-1), context());
}

// refresh asks for the state and draws it. Who calls it while it runs waits
// until the state has been asked for once more.
let running = null;
let again = false;
function refresh() {
  again = true;
  running ??= (async () => {
    while (again) {
      again = false;
      const asked = at.as;
      state = await (await fetch("/ui/state?as=" + encodeURIComponent(asked))).json();
      if (at.as !== asked) { again = true; continue; } // Somebody else sits here since.
      at.as = state.me;
      draw();
    }
  })().finally(() => (running = null));
  return running;
}

function composer(form, field, thread) {
  const send = async () => {
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    const out = await act({ do: "say", channel: at.channel, thread: thread(), text });
    if (out.result === "refused" && !text.startsWith("/")) report(out);
  };
  form.addEventListener("submit", (ev) => { ev.preventDefault(); send(); });
  let shift = false;
  field.addEventListener("keydown", (ev) => {
    shift = ev.shiftKey;
    if (ev.key === "Enter" && !shift && !ev.isComposing) { ev.preventDefault(); send(); }
  });
  // Some input methods and drivers insert the line break all the same.
  field.addEventListener("beforeinput", (ev) => { if (ev.inputType === "insertLineBreak" && !shift) ev.preventDefault(); });
}

composer($("compose"), $("say"), () => "");
composer($("reply"), $("answer"), () => at.thread);
$("unthread").addEventListener("click", () => {
  const root = document.querySelector(`#messages li[data-ts="${CSS.escape(at.thread)}"]`);
  go({ thread: "" });
  (root ?? $("say")).focus();
});
// The arrows lead from message to message.
for (const box of [$("messages"), $("replies")]) {
  box.addEventListener("keydown", (ev) => {
    const all = [...box.querySelectorAll("li.message")];
    const i = all.indexOf(ev.target);
    const to = { ArrowUp: i - 1, ArrowDown: i + 1, Home: 0, End: all.length - 1 }[ev.key];
    if (i < 0 || to === undefined || !all[to]) return;
    ev.preventDefault();
    all[to].focus();
    all[to].scrollIntoView({ block: "nearest" });
  });
}
$("thread").addEventListener("keydown", (ev) => { if (ev.key === "Escape") $("unthread").click(); });
$("person").addEventListener("change", async (ev) => {
  at.as = ev.target.value;
  read.clear();
  await refresh();
  go({ home: false });
});

await refresh();
if (query.get("ts")) document.querySelector(`li[data-ts="${CSS.escape(query.get("ts"))}"]`)?.focus(); // A permalink leads here.
const changes = new EventSource("/ui/changes");
changes.onmessage = refresh;
changes.onerror = () => { $("links").textContent = "the sandbox is gone"; $("links").className = "bad"; };
