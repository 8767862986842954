package bot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	sandbox "aurorabot/lab/slack"
)

// The manifest has the shape of one that Slack's own tools take, and asks for
// nothing that this one would not: its scopes are among the recorded ones.
func TestManifest(t *testing.T) {
	js, err := Manifest("/aurora")
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile("testdata/manifest-recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range [][]byte{js, recorded} {
		d := json.NewDecoder(bytes.NewReader(m))
		d.DisallowUnknownFields()
		if err := d.Decode(&slack.Manifest{}); err != nil {
			t.Errorf("not a manifest: %v", err)
		}
	}
	var got, want any
	if err := json.Unmarshal(js, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	g, w := shape("", got), shape("", want)
	if !slices.Equal(g, w) {
		t.Errorf("shape\n%v\nwant\n%v", g, w)
	}
	for _, path := range []string{"oauth_config/scopes/bot", "settings/event_subscriptions/bot_events"} {
		for _, name := range at(got, path) {
			if !slices.Contains(at(want, path), name) {
				t.Errorf("%s: %v is not in the recorded one", path, name)
			}
		}
	}
	var m slack.Manifest
	if err := json.Unmarshal(js, &m); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(m.Display.Description)); n > 140 {
		t.Errorf("description of %d characters, Slack takes 140", n)
	}
	if n := len([]rune(m.Display.LongDescription)); n < 175 || n > 4000 {
		t.Errorf("long description of %d characters, Slack takes 175 to 4000", n)
	}
}

// shape is the paths of an object's keys; elements of lists are one.
func shape(path string, v any) []string {
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"/"+k, e)
			}
		case []any:
			for _, e := range v {
				walk(path+"/*", e)
			}
		default:
			found[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	walk(path, v)
	var list []string
	for p := range found {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

func at(v any, path string) []any {
	for _, k := range bytes.Split([]byte(path), []byte("/")) {
		v = v.(map[string]any)[string(k)]
	}
	return v.([]any)
}

// What the token may not do is named: what the bot cannot do without, and what an app
// that was installed by an older manifest lacks.
func TestScopesAreChecked(t *testing.T) {
	all := names(Scopes)
	for _, c := range []struct {
		without []string
		ok      bool
		says    string
	}{
		{nil, true, fmt.Sprintf("all %d", len(all))},
		{[]string{"channels:read", "groups:read"}, true, "an older manifest: it works without channels:read (without it: after an invitation"},
		{[]string{"chat:write", "groups:read"}, false, "the app lacks chat:write (to post and edit"},
	} {
		opt := workspace()
		opt.Scopes = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(c.without, s) })
		d := newDesk(t, opt)
		i := slices.IndexFunc(Check(t.Context(), d.config, []string{team}), func(c Checked) bool { return c.What == "the bot's scopes" })
		got := Check(t.Context(), d.config, []string{team})[i]
		if got.OK != c.ok || !strings.Contains(got.Answer, c.says) {
			t.Errorf("without %v: %+v, want %v, %q", c.without, got, c.ok, c.says)
		}
	}
}

// An app that was installed by an older manifest is told of no invitation: trying again
// alone shows the run.
func TestOlderManifest(t *testing.T) {
	quickly(t, time.Second, time.Second)
	opt := workspace()
	opt.Channels[0].NoBot = true
	opt.Channels[0].Members = []string{alice, bob}
	spared := names(Spared)
	opt.Scopes = slices.DeleteFunc(opt.Scopes, func(s string) bool { return slices.Contains(spared, s) })
	opt.Events = slices.DeleteFunc(opt.Events, func(s string) bool { return s == "member_joined_channel" })
	d := start(t, opt)
	d.service.show("r1", gate("r1"))
	d.until("refused", func() bool { return d.bot.threads.refused("r1", "channel/gate/commit") != "" })
	d.Join(sandbox.BotUser, channel, alice)
	d.posted("Commit r1?")
}
