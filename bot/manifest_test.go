package bot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/slack-go/slack"
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
