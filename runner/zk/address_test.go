package zk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want Address
		text string
	}{
		{"zk://127.0.0.1:2/nonexistent/mesos", Address{Servers: []string{"127.0.0.1:2"}, Path: "/nonexistent/mesos"}, "zk://127.0.0.1:2/nonexistent/mesos"},
		{"zk://h1:2181,h2:2182/mesos", Address{Servers: []string{"h1:2181", "h2:2182"}, Path: "/mesos"}, "zk://h1:2181,h2:2182/mesos"},
		{"zk://u:p@h1,h2/mesos/", Address{Servers: []string{"h1:2181", "h2:2181"}, User: "u", Password: "p", Path: "/mesos"}, "zk://u:***@h1:2181,h2:2181/mesos"},
		{"zk://u:p@ss:w@h1:1", Address{Servers: []string{"h1:1"}, User: "u", Password: "p@ss:w", Path: "/"}, "zk://u:***@h1:1"},
		{"zk://digest!u:p@h1:1/", Address{Servers: []string{"h1:1"}, User: "u", Password: "p", Path: "/"}, "zk://u:***@h1:1"},
		{" zk://[::1]:2181,[::2]/a\n", Address{Servers: []string{"[::1]:2181", "[::2]:2181"}, Path: "/a"}, "zk://[::1]:2181,[::2]:2181/a"},
	} {
		got, err := ParseURL(tt.url)
		if err != nil {
			t.Errorf("ParseURL(%q): %v", tt.url, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ParseURL(%q) (-want +got):\n%s", tt.url, diff)
		}
		for _, text := range []string{got.String(), fmt.Sprintf("%v", got), fmt.Sprintf("%+v", got), fmt.Sprintf("%#v", got), fmt.Sprint(&got)} {
			if text != tt.text {
				t.Errorf("ParseURL(%q) shows as %q, want %q", tt.url, text, tt.text)
			}
		}
	}
}

// Whatever is wrong with an address, the error does not hold its password.
func TestParseURLRefusesWithoutTelling(t *testing.T) {
	for _, url := range []string{
		"", "h1:2181", "file:///etc/zk", "http://h1:2181/", "zk://", "zk:///mesos", "zk://h1:0/", "zk://h1:65536", "zk://h1:x", "zk://h1,,h2",
		"zk://a b:1", "zk://h1:1//x", "zk://[::1:2181", "zk://::1:2181", "zk://nobody@h1:1", "zk://:canary@h1:1", "zk://u:canary@",
		"zk://u:canary@h1:x", "zk://u:canary@h1:1//x", "zk://u:ca/canary@h1:1/x", "zk://u:1/canary@h1:1/x", "u:canary@h1:1", "zk://u:canary x@h1:99999",
		"x zk://u:canary@h1", "zk://scheme!u:canary@h1:x",
	} {
		a, err := ParseURL(url)
		if err == nil {
			t.Errorf("ParseURL(%q) = %v, want an error", url, a)
			continue
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("ParseURL(%q): the error tells: %v", url, err)
		}
		if !strings.HasPrefix(err.Error(), "zookeeper address ") {
			t.Errorf("ParseURL(%q): %v", url, err)
		}
	}
}

func TestParseEndpoints(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []string
	}{
		{"127.0.0.1:22181", []string{"127.0.0.1:22181"}},
		{"h1:2181, h2 ,h3:1", []string{"h1:2181", "h2:2181", "h3:1"}},
		{"", nil}, {",", nil}, {"h1:", nil}, {"h1:1/x", nil}, {"u:canary@h1:1", nil},
	} {
		got, err := ParseEndpoints(tt.list)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want != nil) {
			t.Errorf("ParseEndpoints(%q) = %q, %v", tt.list, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("ParseEndpoints(%q): the error tells: %v", tt.list, err)
		}
	}
}
