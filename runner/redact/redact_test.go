package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"aurorabot/runner"
)

// canary is in every secret of these tests and in nothing else.
const canary = "c4n4ry"

// Every secret that a host, a file, a flag or Slack may hold is left out, and
// what stands around it stays.
func TestSecretsAreLeftOut(t *testing.T) {
	for text, want := range map[string]string{
		"token xoxb-1-" + canary + " end":                                                              "token " + Left + " end",
		"xapp-1-A-" + canary:                                                                           Left,
		"-zk_digest_credentials=mesos:" + canary + " -x=1":                                             "-zk_digest_credentials=" + Left + " -x=1",
		`ZK_DIGEST_CREDENTIALS="mesos:` + canary + `"`:                                                 `ZK_DIGEST_CREDENTIALS=` + Left,
		"-mesos_master_address=zk://u:" + canary + "@zk1:2181/mesos":                                   "-mesos_master_address=zk://" + Left + "@zk1:2181/mesos",
		"--password " + canary + " --next":                                                             "--password " + Left + " --next",
		"db.password: '" + canary + "'":                                                                "db.password: " + Left,
		"Authorization: Bearer " + canary + "-0123456789abcdef":                                        "Authorization: Bearer " + Left,
		"Authorization: Basic " + canary + "==":                                                        "Authorization: Basic " + Left,
		`{"password":"` + canary + `","user":"x"}`:                                                     `{"password":` + Left + `,"user":"x"}`,
		"addauth digest super:" + canary:                                                               "addauth digest " + Left,
		"https://hooks.slack.com/commands/T1/" + canary:                                                "https://hooks.slack.com/commands/" + Left,
		"wss://wss.slack.com/link/?ticket=" + canary:                                                   "wss://wss.slack.com/link/" + Left,
		"a\n-----BEGIN OPENSSH PRIVATE KEY-----\n" + canary + "\n-----END OPENSSH PRIVATE KEY-----\nb": "a\n" + Left + "\nb",
		"-----BEGIN RSA PRIVATE KEY-----\n" + canary + " and cut here":                                 Left,
		"AWS_SECRET_ACCESS_KEY=" + canary:                                                              "AWS_SECRET_ACCESS_KEY=" + Left,
		"heart-of-gold-" + canary + "-by-heart":                                                        Left,
	} {
		var r Redactor
		r.Know("heart-of-gold-" + canary + "-by-heart")
		if got := r.Text(text); got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", text, got, want)
		}
		if got := r.Text(r.Text(text)); got != want {
			t.Errorf("%q twice: %q", text, got)
		}
	}
}

// What an operator needs to read stays as it is.
func TestWhatIsNoSecretStays(t *testing.T) {
	var r Redactor
	for _, text := range []string{
		"step.done prepare/look: scheduler runs as PID 12; log /var/lib/aurora/db; quorum 2", "zk://127.0.0.1:2/nonexistent/mesos", "zk://zk1:2181,zk2:2181/aurora",
		"-framework_authentication_file=/etc/aurora/credential", "key file /etc/aurorabot/id_ed25519: has a passphrase; load it into an agent instead",
		"bot_token_file: secrets/slack-bot", "sudo: a password is required", "https://example.com/a?b=c", "digest 0123456789ab", "ads/prod/bidder", "user@host.example",
		"2026-11-23T08:36:24.364Z", "tokens true and true", "/usr/bin/true -p 8081", "authenticate: token: (not set)", "mechanism: none",
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// Facts keep their form: numbers, order of lists, names; only strings change.
func TestJSON(t *testing.T) {
	var r Redactor
	raw := json.RawMessage(`{"b":[1,12345678901234567890,"-x_password=` + canary + `"],"secret":"` + canary + `","port":"8081","token":null}`)
	var got, want any
	if err := json.Unmarshal(r.JSON(raw), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"b":[1,12345678901234567890,"-x_password=REDACTED"],"secret":"REDACTED","port":"8081","token":null}`), &want); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	plain := json.RawMessage(`{ "a" : 1e3, "z":"y" }`)
	if string(r.JSON(plain)) != string(plain) {
		t.Errorf("without a secret it became %s", r.JSON(plain))
	}
	for _, bad := range []string{"{", "password=" + canary} {
		if out := r.JSON(json.RawMessage(bad)); !json.Valid(out) || bytes.Contains(out, []byte(canary)) {
			t.Errorf("%q became %q", bad, out)
		}
	}
}

// Every sink: events, logs in each way that slog takes values, errors, messages.
func TestSinks(t *testing.T) {
	var r Redactor
	secret := "xoxb-" + canary
	e := r.Event(runner.Event{Why: secret, Facts: json.RawMessage(`{"a":"` + secret + `"}`), Data: json.RawMessage(`["` + secret + `"]`), Receipt: json.RawMessage(`"` + secret + `"`)})
	raw, err := json.Marshal(e)
	if err != nil || bytes.Contains(raw, []byte(canary)) {
		t.Errorf("event: %s, %v", raw, err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: r.Attr}))
	log.With("with", secret).WithGroup("g").Error(secret, "err", fmt.Errorf("post: %w", errors.New(secret)), "any", struct{ A string }{secret},
		slog.Group("group", "in", secret), "list", []string{secret}, "password", canary, "bytes", []byte(secret))
	if strings.Contains(out.String(), canary) || strings.Count(out.String(), Left) < 7 {
		t.Errorf("log: %s", &out)
	}
	wrapped := r.Error(fmt.Errorf("open %s: %w", secret, fs.ErrNotExist))
	if strings.Contains(fmt.Sprintf("%v %+v %q", wrapped, wrapped, wrapped.Error()), canary) || !errors.Is(wrapped, fs.ErrNotExist) || r.Error(nil) != nil {
		t.Errorf("error: %v", wrapped)
	}
	message := struct {
		Head  string
		Lines []string
		Rows  [][]string
		Inner *struct{ Text string }
	}{secret, []string{"a", secret}, [][]string{{secret}}, &struct{ Text string }{secret}}
	r.Strings(&message)
	if s := fmt.Sprint(message, *message.Inner); strings.Contains(s, canary) {
		t.Errorf("message: %s", s)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("-password=" + canary)
	f.Add(`{"token":"x"}`)
	f.Fuzz(func(t *testing.T, s string) {
		var r Redactor
		if raw := r.JSON(json.RawMessage(s)); len(s) > 0 && !json.Valid(raw) {
			t.Errorf("%q became %q", s, raw)
		}
		if once := r.Text(s); strings.Contains(once, "xoxb-") && strings.Contains(once, "xoxb-a") {
			t.Errorf("%q became %q", s, once)
		}
	})
}
