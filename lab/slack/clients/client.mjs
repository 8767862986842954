// One of Slack's own clients, told by its argument which, as an app of the
// sandbox. It acknowledges what it gets, prints each as a line of JSON, and
// calls the Web API once for everything that it hears.
import { readFileSync } from "node:fs";
import pkg from "@slack/bolt";
import { SocketModeClient } from "@slack/socket-mode";
import { WebClient } from "@slack/web-api";

const { App, LogLevel } = pkg;
const [which] = process.argv.slice(2);
const { SLACK_API_URL: slackApiUrl, SLACK_BOT_TOKEN: token, SLACK_APP_TOKEN: appToken, SLACK_CHANNEL: channel } = process.env;
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));
const web = new WebClient(token, { slackApiUrl });
const blocks = [{ type: "actions", block_id: "acts", elements: [{ type: "button", action_id: "approve", value: "r1", text: { type: "plain_text", text: "Approve" } }] }];
const view = {
  type: "modal", callback_id: "ask", title: { type: "plain_text", text: "Ask" }, submit: { type: "plain_text", text: "Go" },
  blocks: [{ type: "input", block_id: "typed", label: { type: "plain_text", text: "Name" }, element: { type: "plain_text_input", action_id: "typed" } }],
};

async function webApi() {
  const me = await web.auth.test();
  const posted = await web.chat.postMessage({ channel, text: `web of ${which}`, blocks });
  await web.chat.update({ channel: posted.channel, ts: posted.ts, text: `web of ${which}, edited`, blocks });
  await web.chat.postMessage({ channel, thread_ts: posted.ts, text: "below" });
  const replies = await web.conversations.replies({ channel, ts: posted.ts });
  await web.filesUploadV2({ channel_id: channel, thread_ts: posted.ts, filename: "log.txt", content: "a line\n" });
  const link = await web.chat.getPermalink({ channel, message_ts: posted.ts });
  let refused = "";
  try {
    await web.chat.postMessage({ channel, text: "x", blocks: [{ type: "nothing" }] });
  } catch (err) {
    refused = err.data?.error ?? String(err);
  }
  tell("web", { user: me.user_id, ts: posted.ts, replies: replies.messages.length, link: link.permalink, refused });
}

if (which === "bolt") {
  const app = new App({ token, appToken, socketMode: true, logLevel: LogLevel.ERROR, clientOptions: { slackApiUrl } });
  app.command("/aurora", async ({ command, ack, respond }) => {
    await ack({ response_type: "ephemeral", text: `heard ${command.text}` });
    await respond({ response_type: "ephemeral", text: `answered ${command.text}` });
    tell("command", { text: command.text });
  });
  app.action("approve", async ({ ack, body, client }) => {
    await ack();
    await client.views.open({ trigger_id: body.trigger_id, view });
    tell("action", { user: body.user.id });
  });
  app.view("ask", async ({ ack, view: v }) => {
    const name = v.state.values.typed.typed.value;
    await ack(name === "lab" ? undefined : { response_action: "errors", errors: { typed: "not its name" } });
    tell("view", { name });
  });
  app.event("app_mention", async ({ event, say }) => {
    await say({ text: "you called", thread_ts: event.ts });
    tell("mention", { user: event.user });
  });
  app.event("app_home_opened", async ({ event, client }) => {
    await client.views.publish({ user_id: event.user, view: { type: "home", blocks: [{ type: "header", text: { type: "plain_text", text: "Home of bolt" } }] } });
    tell("home", { user: event.user });
  });
  app.shortcut("recover", async ({ ack, shortcut }) => {
    await ack();
    tell("shortcut", { kind: shortcut.type });
  });
  await webApi();
  await app.start();
} else {
  const client = new SocketModeClient({ appToken, clientOptions: { slackApiUrl } });
  client.on("slash_commands", async ({ ack, body }) => {
    await ack({ response_type: "ephemeral", text: `heard ${body.text}` });
    tell("command", { text: body.text });
  });
  client.on("interactive", async ({ ack, body }) => {
    await ack();
    tell(body.type === "block_actions" ? "action" : body.type, { user: body.user.id });
  });
  client.on("app_mention", async ({ ack, event }) => {
    await ack();
    tell("mention", { user: event.user });
  });
  client.on("app_home_opened", async ({ ack, event }) => {
    await ack();
    tell("home", { user: event.user });
  });
  await webApi();
  await client.start();
}
const version = (name) => JSON.parse(readFileSync(new URL(`./node_modules/@slack/${name}/package.json`, import.meta.url))).version;
tell("ready", { bolt: version("bolt"), socket: version("socket-mode"), web: version("web-api") });
