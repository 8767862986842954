package rooted

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// A disk is entries by path: "dir", "file", "link TARGET"; then ":UID" and ":MODE" as far as
// they are not 0 and 0755.
type disk map[string]string

func (d disk) look(p string) (Entry, error) {
	text, ok := d[p]
	if !ok && p == "/" {
		text = "dir"
	} else if !ok {
		return Entry{}, fs.ErrNotExist
	}
	words := strings.Split(text, ":")
	e := Entry{Mode: 0o755}
	if len(words) > 1 {
		fmt.Sscanf(words[1], "%d", &e.UID)
		e.GID = e.UID
	}
	if len(words) > 2 {
		var bits uint32
		fmt.Sscanf(words[2], "%o", &bits)
		if e.Mode = fs.FileMode(bits & 0o777); bits&0o1000 != 0 {
			e.Mode |= fs.ModeSticky
		}
	}
	if to, ok := strings.CutPrefix(words[0], "link "); ok {
		e.Mode, e.Link = fs.ModeSymlink|0o777, to
	}
	return e, nil
}

func TestFollow(t *testing.T) {
	const p = "/var/lib/aurora/scheduler/db"
	for _, tt := range []struct {
		name string
		disk disk
		want Way // Of links only how many.
	}{
		{"all root's", disk{"/var": "dir", "/var/lib": "dir", "/var/lib/aurora": "dir", "/var/lib/aurora/scheduler": "dir", p: "dir:9"}, Way{Real: p}},
		{"nothing there yet", disk{"/var": "dir"}, Way{Real: p}},
		{"a folder of the account's", disk{"/var": "dir", "/var/lib": "dir", "/var/lib/aurora": "dir:9", "/var/lib/aurora/scheduler": "dir:9", p: "dir:9"}, Way{Real: p, Open: "/var/lib/aurora belongs to user 9"}},
		{"one that is about to be made in the account's", disk{"/var": "dir", "/var/lib": "dir:9"}, Way{Real: p, Open: "/var/lib belongs to user 9"}},
		{"one that everybody can write", disk{"/var": "dir", "/var/lib": "dir:0:777", "/var/lib/aurora": "dir"}, Way{Real: p, Open: "/var/lib can be written by everybody"}},
		{"one that a group can write", disk{"/var": "dir", "/var/lib": "dir:0:775"}, Way{Real: p}},
		{"a sticky one, and root's in it", disk{"/var": "dir", "/var/lib": "dir:0:1777", "/var/lib/aurora": "dir"}, Way{Real: p}},
		{"a sticky one, and another's in it", disk{"/var": "dir", "/var/lib": "dir:0:1777", "/var/lib/aurora": "dir:9"}, Way{Real: p, Open: "/var/lib can be written by everybody"}},
		{"a sticky one, and nothing in it", disk{"/var": "dir", "/var/lib": "dir:0:1777"}, Way{Real: p, Open: "/var/lib can be written by everybody"}},
		{"a data disk", disk{"/var": "dir", "/var/lib": "dir", "/var/lib/aurora": "link /data/aurora", "/data": "dir", "/data/aurora": "dir", "/data/aurora/scheduler": "dir", "/data/aurora/scheduler/db": "dir:9"},
			Way{Real: "/data/aurora/scheduler/db", Links: []string{"/var/lib/aurora -> /data/aurora"}}},
		{"a relative link", disk{"/var": "dir", "/var/lib": "dir", "/var/lib/aurora": "link ../../data/./aurora", "/data": "dir", "/data/aurora": "dir"},
			Way{Real: "/data/aurora/scheduler/db", Links: []string{"/var/lib/aurora -> ../../data/./aurora"}}},
		{"a link in a link", disk{"/var": "link /v", "/v": "dir", "/v/lib": "link lib2", "/v/lib2": "dir"},
			Way{Real: "/v/lib2/aurora/scheduler/db", Links: []string{"/var -> /v", "/v/lib -> lib2"}}},
		{"root's link to where others can write", disk{"/var": "dir", "/var/lib": "link /tmp/lib", "/tmp": "dir:0:1777", "/tmp/lib": "dir:9"},
			Way{Real: "/tmp/lib/aurora/scheduler/db", Links: []string{"/var/lib -> /tmp/lib"}, Open: "/tmp can be written by everybody"}},
		{"the account's link in root's folder", disk{"/var": "dir", "/var/lib": "link /etc:9"}, Way{Real: "/var", Loose: "/var/lib -> /etc"}},
		{"root's link in the account's folder", disk{"/var": "dir:9", "/var/lib": "link /etc"}, Way{Real: "/var", Loose: "/var/lib -> /etc", Open: "/var belongs to user 9"}},
		{"the last one", disk{"/var": "dir", "/var/lib": "dir", "/var/lib/aurora": "dir:9", "/var/lib/aurora/scheduler": "dir:9", p: "link /etc:9"},
			Way{Real: "/var/lib/aurora/scheduler", Loose: p + " -> /etc", Open: "/var/lib/aurora belongs to user 9"}},
		{"a circle", disk{"/var": "link /var"}, Way{Real: "/", Loose: "/var -> /var"}},
	} {
		got, err := Follow(p, Owner{}, tt.disk.look)
		if err != nil {
			t.Fatal(err)
		}
		if tt.name == "a circle" {
			got.Links = nil
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s:\n%+v, want\n%+v", tt.name, got, tt.want)
		}
	}
	// A group besides root's.
	group := disk{"/var": "dir", "/var/lib": "dir:0:775"}
	if w, _ := Follow(p, Owner{}, func(p string) (Entry, error) { e, err := group.look(p); e.GID = 50; return e, err }); w.Open != "/var/lib can be written by group 50" {
		t.Errorf("%+v", w)
	}
	// Who is root on a host that has one account.
	if w, _ := Follow(p, Owner{9, 9}, disk{"/var": "dir:9", "/var/lib": "link /data:9", "/data": "dir:9"}.look); w.Open+w.Loose != "" || w.Real != "/data/aurora/scheduler/db" {
		t.Errorf("%+v", w)
	}
	if _, err := Follow(p, Owner{}, func(string) (Entry, error) { return Entry{}, fs.ErrPermission }); err == nil {
		t.Error("a folder that can't be looked at: no error")
	}
}
