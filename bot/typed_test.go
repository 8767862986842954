package bot

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/slack-go/slack"
)

const (
	aBackup = "scheduler-backup-2026-11-23-08-36"
	aRun    = "devcluster-20261123T0836Z"
)

// typed are texts as phones, chats and documents make them of what people type and
// paste, each with the words that were meant.
var typed = []struct{ in, want string }{
	// Dashes and quotes.
	{"recover devcluster " + aBackup + " —reason=“disk broke on s1”", "recover|devcluster|" + aBackup + "|--reason=disk broke on s1"},
	{"abort devcluster —reason=“wrong backup”", "abort|devcluster|--reason=wrong backup"},
	{"abort devcluster –reason “wrong backup”", "abort|devcluster|--reason|wrong backup"},
	{"abort devcluster ―reason ‘wrong backup’", "abort|devcluster|--reason|wrong backup"},
	{"abort devcluster -—reason „falsches Backup“", "abort|devcluster|--reason|falsches Backup"},
	{"abort devcluster —-reason « mauvais fichier »", "abort|devcluster|--reason|mauvais fichier"},
	{"abort devcluster «--reason=x»", "abort|devcluster|--reason=x"},
	{"abort devcluster ‐‐reason \"wrong backup”", "abort|devcluster|--reason|wrong backup"},
	{"abort devcluster −−reason ＂wrong backup＂", "abort|devcluster|--reason|wrong backup"},
	{"abort devcluster —Reason “Wrong backup”", "abort|devcluster|--reason|Wrong backup"},
	{"abort devcluster —reason “it’s the operator’s disk”", "abort|devcluster|--reason|it’s the operator’s disk"},
	{"abort devcluster —reason 'it's the operator's disk'", "abort|devcluster|--reason|it's the operator's disk"},
	{"abort devcluster —reason ‘it’s broken’", "abort|devcluster|--reason|it’s broken"},
	{"abort devcluster --reason it's", "abort|devcluster|--reason|it's"},
	{"abort devcluster --reason “he said “do it now” — and left”", "abort|devcluster|--reason|he said “do it now” — and left"},
	{"abort devcluster --reason \"the “good one” was old\"", "abort|devcluster|--reason|the “good one” was old"},
	{"deny devcluster —reason=“no — not yet”", "deny|devcluster|--reason=no — not yet"},
	{"approve " + aRun + " —typed devcluster —digest 0a1b2c3d", "approve|" + aRun + "|--typed|devcluster|--digest|0a1b2c3d"},
	{"abort devcluster --reason 「disk broke」", "abort|devcluster|--reason|disk broke"},
	{"“abort devcluster —reason “wrong backup””", "abort|devcluster|--reason|wrong backup"},
	{"report --severity=info –nagios", "report|--severity=info|--nagios"},
	{"plan devcluster scheduler–backup–2026–11–23–08–36", "plan|devcluster|" + aBackup},
	{"plan devcluster “" + aBackup + "”", "plan|devcluster|" + aBackup},
	{"“status devcluster”", "status|devcluster"},

	// Marks of code and of formatting.
	{"`status devcluster`", "status|devcluster"},
	{"```status devcluster```", "status|devcluster"},
	{"```\nstatus devcluster\n```", "status|devcluster"},
	{"status `devcluster`", "status|devcluster"},
	{"`status` `devcluster`", "status|devcluster"},
	{"`abort devcluster --reason \"wrong backup\"`", "abort|devcluster|--reason|wrong backup"},
	{"abort devcluster `--reason “wrong backup”`", "abort|devcluster|--reason|wrong backup"},
	{"abort devcluster --reason \"the `s1` disk, *really*\"", "abort|devcluster|--reason|the `s1` disk, *really*"},
	{"`status devcluster", "status|devcluster"},
	{"*approve devcluster --gate start*", "approve|devcluster|--gate|start"},
	{"*approve* devcluster", "approve|devcluster"},
	{"_status devcluster_", "status|devcluster"},
	{"~status~ ~devcluster~", "status|devcluster"},
	{"*_status_ dev_cluster*", "status|dev_cluster"},
	{"*`status devcluster`*", "status|devcluster"},
	{"`*status devcluster*`", "status|devcluster"},
	{"*abort devcluster —reason=“wrong *old* backup”*", "abort|devcluster|--reason=wrong *old* backup"},
	{"approve devcluster --gate=*start*", "approve|devcluster|--gate=start"},
	{"approve devcluster --gate=`start`", "approve|devcluster|--gate=start"},
	{"*status devcluster*.", "status|devcluster."},
	{"status dev_cluster_1 a*b", "status|dev_cluster_1|a*b"},
	{"status * _", "status|*|_"},
	{"&gt; status devcluster", "status|devcluster"},
	{"&gt;&gt;&gt; status devcluster", "status|devcluster"},
	{"&gt;`approve devcluster --gate start`", "approve|devcluster|--gate|start"},
	{"• status devcluster", "status|devcluster"},

	// What stands before the command in a hint.
	{"/aurora status devcluster", "status|devcluster"},
	{"`/aurora status devcluster`", "status|devcluster"},
	{"*/aurora* status devcluster", "status|devcluster"},
	{"&gt; `/aurora approve devcluster --gate start`.", "approve|devcluster|--gate|start"},
	{"@aurora status devcluster", "status|devcluster"},
	{"@Aurora: Status devcluster", "status|devcluster"},
	{"aurorabot status devcluster", "status|devcluster"},
	{"Aurora, status devcluster", "status|devcluster"},
	{"/aurora", "help"},

	// What phones do.
	{"Status devcluster", "status|devcluster"},
	{"STATUS DevCluster", "status|DevCluster"},
	{"Status. devcluster", "status|devcluster"},
	{"Status.", "status"},
	{"Help Recover.", "help|recover"},
	{"Policy Explain Ann", "policy|explain|Ann"},
	{"Audit Verify", "audit|verify"},
	{"Plan DevCluster " + aBackup + ".", "plan|DevCluster|" + aBackup},
	{"Abort " + aRun + ". ", "abort|" + aRun},
	{"Approve " + aRun + " --gate start.", "approve|" + aRun + "|--gate|start"},
	{"Undo " + aRun + " --confirm,", "undo|" + aRun + "|--confirm"},
	{"status dev.example.", "status|dev.example."}, // Whether there is such a cluster, handlers knows.
	{"abort devcluster --reason broken.", "abort|devcluster|--reason|broken."},
	{"approve r --typed dev.", "approve|r|--typed|dev."},

	// What nobody sees, and what only looks like it.
	{"\u200bstatus devcluster", "status|devcluster"},
	{"status devcluster\u200b", "status|devcluster"},
	{"status dev\u200bcluster\u200e", "status|devcluster"},
	{"\ufeffstatus devcluster", "status|devcluster"},
	{"status\u3000devcluster", "status|devcluster"},
	{"status\u00a0devcluster\u202f", "status|devcluster"},
	{"status\u2028devcluster\r\n", "status|devcluster"},
	{"status\u3164devcluster\u2800", "status|devcluster"},
	{"\u202astatus\u202c \u2066dev\u00adcluster\u2069\ufe0f", "status|devcluster"},
	{"sta\u2060tus devcluster\x00\x7f", "status|devcluster"},
	{"plan devcluster scheduler\u2011backup\u20112026-11-23-08-36", "plan|devcluster|" + aBackup},
	{"plan “dev\u200bcluster” “scheduler\u2011backup\u2011\u200b2026-11-23-08-36”", "plan|devcluster|" + aBackup},
	{"approve r \u2011\u2011typed \"dev\u200b\"", "approve|r|--typed|dev"},
	{"ｓｔａｔｕｓ　ｄｅｖ－１", "status|dev-1"},
	{"abort r --reason “a\u00a0b \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645”", "abort|r|--reason|a b \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"},

	// Slack's own.
	{"status <http://dev.example|dev.example>", "status|dev.example"},
	{"settle `<http://s1.dev.example|s1.dev.example>`", "settle|s1.dev.example"},
	{"plan devcluster scheduler-backup-<tel:20261123|2026-11-23>-08-36", "plan|devcluster|" + aBackup},
	{"policy explain <mailto:ann@a.example|ann@a.example>", "policy|explain|ann@a.example"},
	{"abort r --reason “see <https://a.example/1|a.example/1> &amp; ask <@U0ANN>”", "abort|r|--reason|see a.example/1 & ask U0ANN"},
	{"abort r --reason “since <!date^1767323045^{date_short_pretty} {time}|2026-01-02T03:04:05Z>”", "abort|r|--reason|since 2026-01-02T03:04:05Z"},
}

func TestWordsAsTyped(t *testing.T) {
	for _, tt := range typed {
		var a ask
		a.say(words(tt.in))
		if want := strings.Split(tt.want, "|"); a.wrong != nil || !slices.Equal(a.words, want) {
			t.Errorf("words(%q) = %q, %v, want %q", tt.in, a.words, a.wrong, want)
		}
	}
}

// What may mean two things is said, and never guessed.
func TestWordsThatMayMeanTwoThings(t *testing.T) {
	for in, want := range map[string]string{
		"abort devcluster --reason “wrong backup": "a quote is opened and never closed",
		"abort dеvcluster":                        "U+0435", // Cyrillic.
		"approve devcluster --typed dеvcluster":   "U+0435",
		"status devcluster \\":                    "backslash",
	} {
		if got, err := words(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("words(%q) = %q, %v, want an error with %q", in, got, err, want)
		}
	}
	// Of what is left, nothing is a command that does something else.
	for in, want := range map[string]string{
		"abort devcluster —reason wrong backup": "abort|devcluster|--reason|wrong|backup",
		"approve dev — gate start":              "approve|dev|—|gate|start",
		"approve dev—gate start":                "approve|dev—gate|start",
		"/aurora-staging approve dev":           "/aurora-staging|approve|dev",
		"*approve dev":                          "*approve|dev",
		"Disarm dev.":                           "Disarm|dev.",
	} {
		if got, err := words(in); err != nil || strings.Join(got, "|") != want {
			t.Errorf("words(%q) = %q, %v, want %s", in, got, err, want)
		}
	}
}

// The bot's name and its slash command are taken off, whichever way it is spoken to.
func TestWordsToTheBot(t *testing.T) {
	said := func(text string) []string {
		js, err := json.Marshal(map[string]any{"team_id": "T0", "event_id": "E0", "event": map[string]any{
			"type": "app_mention", "user": "U0ANN", "channel": "C0", "ts": "1.2", "text": text,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return happened(js, "U0BOT").words
	}
	for _, text := range []string{
		"<@U0BOT> status dev", "<@U0BOT>: status dev", "<@U0BOT>, Status dev", "<@U0BOT|aurora>: status dev", "<@U0BOT> — status dev",
		"<@U0BOT> `/aurora status dev`", "<@U0BOT> *status dev*", "*<@U0BOT> status dev*", "*<@U0BOT>* status dev", "&gt; <@U0BOT> status dev",
		"\u200b <@U0BOT>\u00a0status\u00a0dev", "<@U0BOT>\nstatus dev", "<@U0BOT> &gt; status dev",
	} {
		if got := said(text); !slices.Equal(got, []string{"status", "dev"}) {
			t.Errorf("%q was read as %q", text, got)
		}
		if got := slash(slack.SlashCommand{Command: "/aurora", Text: text}, "U0BOT").words; !slices.Equal(got, []string{"status", "dev"}) {
			t.Errorf("slash %q was read as %q", text, got)
		}
	}
	b := &app{Config: Config{Command: "/dr"}}
	for text, want := range map[string][]string{"`/dr status`": {"status"}, "@dr status": {"status"}, "/aurora status": {"/aurora", "status"}, "/dr": {"help"}} {
		a := &ask{said: text}
		if got := b.heard(a).words; !slices.Equal(got, want) {
			t.Errorf("to /dr, %q was read as %q, want %q", text, got, want)
		}
		if got := slash(slack.SlashCommand{Command: "/dr", Text: text}, "U0BOT").words; !slices.Equal(got, want) {
			t.Errorf("to /dr, slash %q was read as %q, want %q", text, got, want)
		}
	}
}

// A cluster's name typed into a modal may have come with marks that nobody sees.
func TestTypedIntoAModal(t *testing.T) {
	for typed, right := range map[string]bool{"dev\u200b-1": true, " dev\u20111\u00a0": true, "Dev-1": false, "dev-1.": false} {
		a := &ask{view: &slack.View{State: &slack.ViewState{Values: map[string]map[string]slack.BlockAction{"typed": {"typed": {Value: typed}}}}}}
		(&meta{ID: "approve", Value: "r|commit|d", Type: "dev-1"}).fill(a)
		if (a.errors["typed"] == "") != right {
			t.Errorf("%q: errors %v", typed, a.errors)
		}
		if right && !slices.Contains(a.words, "dev-1") {
			t.Errorf("%q: words %q", typed, a.words)
		}
	}
}
