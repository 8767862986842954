// Checks what a bot said, as `lab --record FILE` keeps it, by the types of
// Slack's own @slack/types: properties, kinds of text, what may stand where. It
// knows no lengths; rules.py does.
//
//   node types.mjs FILE...             one line for each problem; exit status 1 if there is one
//   node types.mjs --least N FILE...   at least N lines must have a problem, and none that says good
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const said = new Set(["chat.postMessage", "chat.postEphemeral", "chat.update", "response_url"]);
const shown = new Set(["views.open", "views.push", "views.update", "views.publish"]);
const args = process.argv.slice(2);
const least = args[0] === "--least" ? Number(args.splice(0, 2)[1]) : -1;
const plain = (v) => (typeof v === "string" && /^[[{]/.test(v) ? JSON.parse(v) : v);

// Blocks that are newer than this release of the types: rules.py knows them.
const newer = new Set(["data_visualization"]);
const known = (blocks) => (Array.isArray(blocks) ? blocks.filter((b) => !newer.has(b?.type)) : blocks);

// A view's own type takes any block: ours take those that Slack knows.
const head = 'import type { HomeView, KnownBlock, ModalView } from "@slack/types";\n' +
  "type Shown = (Omit<ModalView, 'blocks'> | Omit<HomeView, 'blocks'>) & { blocks: KnownBlock[] };\n";
const lines = [];
const places = [];
for (const file of args) {
  readFileSync(file, "utf8").split("\n").forEach((line, n) => {
    if (line === "") return;
    const { method, body } = JSON.parse(line);
    const [type, value] = said.has(method) ? ["KnownBlock[]", known(plain(body.blocks))] : shown.has(method) ? ["Shown", plain(body.view)] : [];
    if (value === undefined) return;
    lines.push(`export const c${lines.length}: ${type} = ${JSON.stringify(value)};`);
    places.push({ at: `${file}:${n + 1}: ${method}`, good: body.good === true });
  });
}

const dir = mkdtempSync(join(here, "node_modules", ".types-"));
let out = "";
try {
  writeFileSync(join(dir, "calls.ts"), head + lines.join("\n") + "\n");
  execFileSync(join(here, "node_modules", ".bin", "tsc"), ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext", "--pretty", "false", join(dir, "calls.ts")],
    { encoding: "utf8", maxBuffer: 64 << 20 });
} catch (err) {
  if (err.stdout === undefined || err.stdout === "") throw err;
  out = err.stdout;
} finally {
  rmSync(dir, { recursive: true });
}

const wrong = new Map();
for (const line of out.split("\n")) {
  const m = /calls\.ts\((\d+),\d+\): error (.*)$/.exec(line);
  if (m) wrong.set(Number(m[1]) - 3, m[2]);
  else if (/error TS/.test(line)) throw new Error(line);
}
const version = JSON.parse(readFileSync(join(here, "node_modules/@slack/types/package.json"), "utf8")).version;
console.log(`BLOCK KIT: ${lines.length} messages and views, ${wrong.size} problems (@slack/types ${version})`);
if (least < 0) wrong.forEach((what, i) => console.log(`${places[i].at}: ${what}`));
const unjust = [...wrong.keys()].filter((i) => places[i].good);
process.exit(least < 0 ? Number(wrong.size > 0 || lines.length === 0) : Number(wrong.size < least || unjust.length > 0));
