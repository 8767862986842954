package bot

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"  status   devcluster ", []string{"status", "devcluster"}},
		{`drop r "a b" 'c "d"' e\ f ""`, []string{"drop", "r", "a b", `c "d"`, "e f", ""}},
		{"undo r —reason “two logs”", []string{"undo", "r", "--reason", "two logs"}},
		{"undo r --reason ‘it’", []string{"undo", "r", "--reason", "it"}},
		{"a — b", []string{"a", "—", "b"}},
		{"say the operator’s name", []string{"say", "the", "operator’s", "name"}},
		{"policy explain <@U012AB3CD|ann o'hara>", []string{"policy", "explain", "U012AB3CD"}},
		{"x <#C012|incidents> <!subteam^S01|@sre> <!channel>", []string{"x", "C012", "S01", "@channel"}},
		{"status <http://dev.example|dev.example> <https://a.example/?b=1&amp;c=2>", []string{"status", "dev.example", "https://a.example/?b=1&c=2"}},
		{"log &lt;b&gt; &amp;amp; <b> $(id) `id` ; | > *", []string{"log", "<b>", "&amp;", "<b>", "$(id)", "id", ";", "|", ">", "*"}},
		{"a\u00a0b\nc\td", []string{"a", "b", "c", "d"}},
		{"recover dev b —reason=“disk broke on s1”", []string{"recover", "dev", "b", "--reason=disk broke on s1"}},
		{`say "—reason" “—x”`, []string{"say", "—reason", "—x"}},
		{"status\u202fdev", []string{"status", "dev"}},
		{"\u200bstatus dev\u200e", []string{"status", "dev"}},
		{"\ufeffstatus\u3000dev", []string{"status", "dev"}},
		{"plan dev scheduler\u2011backup\u20102026", []string{"plan", "dev", "scheduler-backup-2026"}},
		{"say \"a\u200db\" \"\U0001F468\u200d\U0001F467\"", []string{"say", "ab", "\U0001F468\u200d\U0001F467"}},
	} {
		got, err := words(tt.in)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("words(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{`a "b`, `a 'b`, `a \`, string(make([]byte, maxText+1))} {
		if got, err := words(in); err == nil {
			t.Errorf("words(%.10q…) = %q, want an error", in, got)
		}
	}
}

func TestUnmention(t *testing.T) {
	for in, want := range map[string]string{
		"<@U0BOT> status":            " status",
		"<@U0BOT|aurora> a":          " a",
		"hello <@U0BOT> a":           "hello <@U0BOT> a",
		"<@U0BOTH> something":        "<@U0BOTH> something",
		"<@U0BOT>: status":           "status",
		"<@U0BOT>, status":           "status",
		"<@U0BOT>status":             "status",
		"\u200b<@U0BOT>\u00a0status": "\u200b\u00a0status",
		"*<@U0BOT>* status":          "status",
		"*<@U0BOT> status*":          "*status*",
		"`<@U0BOT> status`":          "`status`",
		"&gt; <@U0BOT>: status":      "> status",
	} {
		if got := unmention(in, "U0BOT"); got != want {
			t.Errorf("unmention(%q) = %q, want %q", in, got, want)
		}
	}
}

// What is plain ASCII without signs that mean something stays as it is; no word
// holds what nobody sees; what was read once is read the same again.
func FuzzWords(f *testing.F) {
	f.Add("undo r —reason “two logs” <@U1|x> &lt;")
	for _, tt := range typed {
		f.Add(tt.in)
	}
	// Options are written in small letters, and so they are read.
	plain := regexp.MustCompile(`^[a-z0-9]([a-z0-9.=-]*[a-z0-9])?( +[a-z0-9-][a-zA-Z0-9_.=-]*[a-zA-Z0-9])*$`)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := words(text)
		if err == nil && len(w) > len(text) {
			t.Errorf("%d words of %d bytes", len(w), len(text))
		}
		want := strings.Fields(text)
		if plain.MatchString(text) && len(text) < maxText && !slices.Contains([]string{"aurora", "aurorabot"}, want[0]) && !strings.Contains(strings.ToLower(text), "--") && (err != nil || !slices.Equal(w, want)) {
			t.Errorf("words(%q) = %q, %v, want %q", text, w, err, want)
		}
		for _, one := range w {
			if one != strings.ToValidUTF8(one, "") || strings.ContainsAny(one, "\u200b\u00ad\u202e\ufeff\u00a0") {
				t.Errorf("words(%q) = %q", text, w)
			}
		}
	})
}
