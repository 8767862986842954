package zookeeper

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

var open = zk.WorldACL(zk.PermAll)

func emptyServer(b *table) {
	c := b.client()
	children, stat, err := c.Children("/")
	b.say("children /", children, short(stat), err)
	children, _, err = c.Children("/zookeeper")
	slices.Sort(children)
	b.say("children /zookeeper", children, err)
	b.say("delete /zookeeper", c.Delete("/zookeeper", -1))
	_, err = c.Create("/", nil, 0, open)
	b.say("create /", err)
	acl, _, err := c.GetACL("/")
	b.say("acl /", acl, err)
}

func nodesAndVersions(b *table) {
	c := b.client()
	b.make(c, "/n", 0)
	for _, ask := range []struct {
		path string
		data []byte
	}{{"/n/a", []byte("one")}, {"/n/a", nil}, {"/n/missing/b", nil}, {"/n/nil", nil}, {"/n/empty", []byte{}}} {
		made, err := c.Create(ask.path, ask.data, 0, open)
		b.say("create "+ask.path, made, err)
	}
	for _, path := range []string{"/n/a", "/n/nil", "/n/empty", "/n/missing"} {
		data, stat, err := c.Get(path)
		b.say("get "+path, fmt.Sprintf("%q nil=%t", data, data == nil), short(stat), err)
		ok, stat, err := c.Exists(path)
		b.say("exists "+path, ok, short(stat), err)
	}
	for _, version := range []int32{1, 0, 0, 1, -1} {
		stat, err := c.Set("/n/a", []byte("new"), version)
		b.say(fmt.Sprintf("set /n/a at version %d", version), short(stat), err)
	}
	_, err := c.Set("/n/missing", nil, -1)
	b.say("set missing", err)
	b.say("delete /n (not empty)", c.Delete("/n", -1))
	b.say("delete /n at a wrong version", c.Delete("/n", 7))
	b.say("delete /n/a at version 2", c.Delete("/n/a", 2))
	b.say("delete /n/a at version 3", c.Delete("/n/a", 3))
	b.say("delete /n/a again", c.Delete("/n/a", -1))
	b.say("delete under a missing node", c.Delete("/n/a/b", -1))
	_, _, err = c.Children("/n/a")
	b.say("children of a missing node", err)
	path, err := c.Sync("/n")
	b.say("sync /n", path, err)
	path, err = c.Sync("/never")
	b.say("sync of a missing node", path, err)
	made, err := c.CreateContainer("/n/container", nil, zk.FlagContainer, open)
	b.say("create container", made, err)
	_, stat, err := c.Get("/n/container")
	b.say("get container", short(stat), fmt.Sprintf("%x", uint64(stat.EphemeralOwner)), err)
	_, err = c.CreateTTL("/n/ttl", nil, zk.FlagTTL, open, time.Hour)
	b.say("create with a time to live", err)
}

// statFields shows transaction numbers as distances from the parent's creation.
func statFields(b *table) {
	c := b.client()
	b.make(c, "/stat", 0)
	_, parent, err := c.Get("/stat")
	b.must(err)
	since := parent.Czxid
	show := func(what, path string) {
		_, s, err := c.Get(path)
		b.must(err)
		b.say(what, fmt.Sprintf("czxid=+%d mzxid=+%d pzxid=+%d %s mtime>=ctime=%t", s.Czxid-since, s.Mzxid-since, s.Pzxid-since,
			short(s), s.Mtime >= s.Ctime))
	}
	show("made", "/stat")
	b.make(c, "/stat/a", 0)
	b.make(c, "/stat/b", 0)
	show("two children", "/stat")
	b.must(c.Delete("/stat/a", -1))
	show("one deleted", "/stat")
	_, err = c.Create("/stat/b", nil, 0, open)
	b.say("create again", err)
	_, err = c.Set("/stat/b", []byte("longer"), -1)
	b.must(err)
	show("child set after an error", "/stat/b")
	show("parent of the child set", "/stat")
	_, err = c.SetACL("/stat/b", open, 0)
	b.must(err)
	show("child with new access list", "/stat/b")
	_, s, err := c.Get("/stat/b")
	b.must(err)
	b.say("time near now", time.Since(time.UnixMilli(s.Mtime)).Abs() < time.Minute)
}

func ephemeralSequential(b *table) {
	c := b.client()
	b.make(c, "/e", 0)
	for _, flags := range []int32{zk.FlagEphemeral, zk.FlagSequence, zk.FlagEphemeralSequential} {
		b.say(fmt.Sprintf("create flags %d", flags), b.make(c, "/e/n-", flags))
	}
	b.say("sequential without a name", b.make(c, "/e/", zk.FlagEphemeralSequential))
	b.must(c.Delete("/e/n-", -1))
	b.say("number after a deletion", b.make(c, "/e/m-", zk.FlagEphemeralSequential))
	b.make(c, "/e/plain", 0)
	b.say("number after a plain node", b.make(c, "/e/m-", zk.FlagEphemeralSequential))
	_, err := c.Create("/e/m-0000000004/child", nil, 0, open)
	b.say("child of an ephemeral node", err)
	_, stat, err := c.Get("/e/m-0000000004")
	b.say("owner is the session", stat.EphemeralOwner == c.SessionID(), err)
	protected, err := c.CreateProtectedEphemeralSequential("/e/lock-", nil, open)
	b.say("protected", protected[:len("/e/_c_")], protected[len(protected)-len("-lock-0000000000"):], err)

	second := dial(b.t, b.addr, 4*time.Second)
	_, stat, events, err := second.GetW("/e/m-0000000004")
	b.say("seen by another session", stat.EphemeralOwner == c.SessionID(), err)
	c.Close()
	b.say("after the owner's close", b.wait(events))
	children, stat, err := second.Children("/e")
	slices.Sort(children)
	b.say("left", children, short(stat), err)
}

func watchesFire(b *table) {
	c, other := b.client(), b.client()
	b.make(c, "/w", 0)
	_, _, created, err := c.ExistsW("/w/a")
	b.must(err)
	_, _, listed, err := c.ChildrenW("/w")
	b.must(err)
	b.make(other, "/w/a", 0)
	b.say("exists, then created", b.wait(created))
	b.say("children, then created", b.wait(listed))
	_, _, data, err := c.GetW("/w/a")
	b.must(err)
	_, _, exists, err := c.ExistsW("/w/a")
	b.must(err)
	_, _, child, err := c.ChildrenW("/w/a")
	b.must(err)
	b.make(other, "/w/a/b", 0)
	b.say("children of the child", b.wait(child))
	_, err = other.Set("/w/a", []byte("2"), -1)
	b.must(err)
	b.say("get, then set", b.wait(data))
	b.say("exists, then set", b.wait(exists))
	b.must(other.Delete("/w/a/b", -1))
	_, _, data, err = c.GetW("/w/a")
	b.must(err)
	_, _, child, err = c.ChildrenW("/w/a")
	b.must(err)
	_, _, listed, err = c.ChildrenW("/w")
	b.must(err)
	b.must(other.Delete("/w/a", -1))
	b.say("get, then deleted", b.wait(data))
	b.say("children, then deleted", b.wait(child))
	b.say("parent's children, then deleted", b.wait(listed))
	_, _, _, err = c.GetW("/w/a")
	b.say("get with a watch on a missing node", err)
	_, _, _, err = c.ChildrenW("/w/a")
	b.say("children with a watch on a missing node", err)
	_, _, first, err := c.ExistsW("/w/twice")
	b.must(err)
	b.make(other, "/w/twice", 0)
	b.must(other.Delete("/w/twice", -1))
	b.say("once only", b.wait(first))
	_, more := <-first
	b.say("channel open after it", more)
}

// A link is a dialer that can be cut.
type link struct {
	cut  atomic.Bool
	last atomic.Pointer[net.Conn]
}

func (l *link) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	if l.cut.Load() {
		return nil, io.ErrClosedPipe
	}
	nc, err := net.DialTimeout(network, address, timeout)
	if err == nil {
		l.last.Store(&nc)
	}
	return nc, err
}

func (l *link) sever() {
	l.cut.Store(true)
	_ = (*l.last.Load()).Close()
}

func watchesAfterReconnect(b *table) {
	var l link
	c := dialVia(b.t, b.addr, 8*time.Second, l.dial)
	other := b.client()
	for _, path := range []string{"/r", "/r/set", "/r/kept", "/r/gone", "/r/list"} {
		b.make(other, path, 0)
	}
	_, _, set, err := c.GetW("/r/set")
	b.must(err)
	_, _, kept, err := c.GetW("/r/kept")
	b.must(err)
	_, _, gone, err := c.ExistsW("/r/gone")
	b.must(err)
	_, _, born, err := c.ExistsW("/r/born")
	b.must(err)
	_, _, list, err := c.ChildrenW("/r/list")
	b.must(err)
	_, err = c.Sync("/")
	b.must(err)
	l.sever()
	_, err = other.Set("/r/set", []byte("2"), -1)
	b.must(err)
	b.must(other.Delete("/r/gone", -1))
	b.make(other, "/r/born", 0)
	b.make(other, "/r/list/x", 0)
	l.cut.Store(false)
	b.say("set meanwhile", b.wait(set))
	b.say("deleted meanwhile", b.wait(gone))
	b.say("created meanwhile", b.wait(born))
	b.say("child created meanwhile", b.wait(list))
	_, err = c.Sync("/")
	b.must(err)
	_, err = other.Set("/r/kept", []byte("2"), -1)
	b.must(err)
	b.say("set afterwards", b.wait(kept))
}

func multis(b *table) {
	c := b.client()
	b.make(c, "/m", 0)
	show := func(what string, ops ...any) {
		results, err := c.Multi(ops...)
		var parts []string
		for _, r := range results {
			part := fmt.Sprintf("%q %s", r.String, short(r.Stat))
			if r.Error != nil {
				part = r.Error.Error()
			}
			parts = append(parts, part)
		}
		b.say(what, strings.Join(parts, "; "), err)
	}
	show("all four",
		&zk.CreateRequest{Path: "/m/a", Data: []byte("1"), Acl: open},
		&zk.SetDataRequest{Path: "/m/a", Data: []byte("22"), Version: 0},
		&zk.CheckVersionRequest{Path: "/m/a", Version: 1},
		&zk.CreateRequest{Path: "/m/s-", Acl: open, Flags: zk.FlagEphemeralSequential},
		&zk.CreateRequest{Path: "/m/s-", Acl: open, Flags: zk.FlagEphemeralSequential},
		&zk.DeleteRequest{Path: "/m/a", Version: 1})
	_, before, err := c.Get("/m")
	b.must(err)
	_, _, events, err := c.ChildrenW("/m")
	b.must(err)
	show("the third fails",
		&zk.CreateRequest{Path: "/m/b", Acl: open},
		&zk.DeleteRequest{Path: "/m/s-0000000001", Version: -1},
		&zk.CheckVersionRequest{Path: "/m/b", Version: 5},
		&zk.CreateRequest{Path: "/m/c", Acl: open})
	_, after, err := c.Get("/m")
	b.say("nothing happened", before.Pzxid == after.Pzxid, short(after), err)
	ok, stat, err := c.Exists("/m/s-0000000001")
	b.say("the deleted one is back", ok, stat.EphemeralOwner == c.SessionID(), err)
	show("check of a missing node", &zk.CheckVersionRequest{Path: "/m/none", Version: -1})
	show("delete of a parent before its child",
		&zk.DeleteRequest{Path: "/m", Version: -1}, &zk.DeleteRequest{Path: "/m/s-0000000001", Version: -1})
	show("no operation at all")
	b.make(c, "/m/d", 0)
	b.say("the watch saw only this", b.wait(events))
	b.say("the next number", b.make(c, "/m/s-", zk.FlagSequence))
}

// A chroot is the client's affair: the server sees whole paths.
func chroot(b *table) {
	c := b.client()
	root := "/chroot/lab"
	_, err := c.Create(root+"/a", nil, 0, open)
	b.say("create below a root that is not there", err)
	b.make(c, "/chroot", 0)
	b.make(c, root, 0)
	made, err := c.Create(root+"/a", nil, 0, open)
	b.say("create", made, err)
	_, _, events, err := c.ChildrenW(root)
	b.must(err)
	made, err = c.Create(root+"/member_", nil, zk.FlagEphemeralSequential, open)
	b.say("sequential", made, err)
	b.say("watch", b.wait(events))
	children, _, err := c.Children(root)
	slices.Sort(children)
	b.say("children", children, err)
}

func accessLists(b *table) {
	c := b.client()
	b.make(c, "/acl", 0)
	_, err := c.Create("/acl/none", nil, 0, nil)
	b.say("an empty list", err)
	_, err = c.Create("/acl/odd", nil, 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "odd", ID: "x"}})
	b.say("an unknown scheme", err)
	_, err = c.Create("/acl/auth", nil, 0, zk.AuthACL(zk.PermAll))
	b.say("auth before authentication", err)
	b.say("authenticate", c.AddAuth("digest", []byte("aurora:secret")))
	_, err = c.Create("/acl/auth", []byte("1"), 0, zk.AuthACL(zk.PermAll))
	b.say("auth after it", err)
	list, stat, err := c.GetACL("/acl/auth")
	b.say("its list", list, short(stat), err)
	_, err = c.Create("/acl/readable", []byte("2"), 0, append(zk.WorldACL(zk.PermRead), zk.DigestACL(zk.PermAll, "aurora", "secret")...))
	b.must(err)

	stranger := b.client()
	_, _, err = stranger.Get("/acl/auth")
	b.say("stranger gets", err)
	_, _, err = stranger.Children("/acl/auth")
	b.say("stranger lists", err)
	_, err = stranger.Set("/acl/auth", nil, -1)
	b.say("stranger sets", err)
	_, err = stranger.Create("/acl/auth/x", nil, 0, open)
	b.say("stranger creates below", err)
	ok, _, err := stranger.Exists("/acl/auth")
	b.say("stranger asks for existence", ok, err)
	_, _, err = stranger.GetACL("/acl/auth")
	b.say("stranger reads the list", err)
	list, _, err = stranger.GetACL("/acl/readable")
	b.say("stranger reads a readable list", list, err)
	data, _, err := stranger.Get("/acl/readable")
	b.say("stranger gets the readable", string(data), err)
	_, err = stranger.SetACL("/acl/readable", open, -1)
	b.say("stranger sets the list", err)
	_, err = c.SetACL("/acl/auth", open, 3)
	b.say("list at a wrong version", err)
	stat, err = c.SetACL("/acl/auth", open, 0)
	b.say("list at its version", short(stat), err)
	_, _, err = stranger.Get("/acl/auth")
	b.say("stranger gets now", err)
	_, err = c.SetACL("/acl/missing", open, -1)
	b.say("list of a missing node", err)
}

func sessionExpiry(b *table) {
	var l link
	c := dialVia(b.t, b.addr, 1500*time.Millisecond, l.dial)
	other := b.client()
	b.make(other, "/x", 0)
	b.make(c, "/x/mine", zk.FlagEphemeral)
	_, _, events, err := other.ExistsW("/x/mine")
	b.must(err)
	_, _, own, err := c.GetW("/x")
	b.must(err)
	before := c.SessionID()
	time.Sleep(2500 * time.Millisecond) // longer than the timeout: pings keep the session
	ok, _, err := other.Exists("/x/mine")
	b.say("kept alive by pings", ok, c.SessionID() == before, err)
	l.sever()
	b.say("after the timeout", b.wait(events))
	l.cut.Store(false)
	b.say("the client's watch", b.wait(own))
	for range 500 {
		if c.State() == zk.StateHasSession {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.say("a new session", c.State(), c.SessionID() != before)
}
