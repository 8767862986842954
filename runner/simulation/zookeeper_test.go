package simulation

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	scheduler "aurorabot/runner/node"
	"aurorabot/runner/zk"
)

// zookeeper is what a cluster keeps there: candidates, replicas, masters.
type zookeeper struct {
	nodes []*znode
	next  int
	down  time.Time // Until then it answers nobody.
}

type znode struct {
	kind string // "candidate", "replica".
	seq  int
	host string
	proc *process // Nil: of a scheduler that nobody configured.
	made time.Time
}

func (w *world) join(kind string, p *process, host string) {
	w.zk.next++
	w.zk.nodes = append(w.zk.nodes, &znode{kind, w.zk.next, host, p, w.instant()})
}

// leave takes nodes of a process away; kind "" means all of them.
func (w *world) leave(p *process, kind string) {
	w.zk.nodes = slices.DeleteFunc(w.zk.nodes, func(n *znode) bool { return n.proc == p && (kind == "" || n.kind == kind) })
	w.elect()
}

func (w *world) candidates() []*znode {
	var list []*znode
	for _, n := range w.zk.nodes {
		if n.kind == "candidate" {
			list = append(list, n)
		}
	}
	return list
}

// zkView is ZooKeeper as one incarnation of the bot sees it.
type zkView struct {
	w   *world
	bot *incarnation
}

func (w *world) openZooKeeper(bot *incarnation) func(string, zk.Dialer) (scheduler.ZooKeeper, error) {
	return func(string, zk.Dialer) (scheduler.ZooKeeper, error) { return &zkView{w, bot}, nil }
}

var errNoZooKeeper = errors.New("zookeeper: no server answers")

// ask looks in a turn.
func (z *zkView) ask(ctx context.Context, what string, f func()) (err error) {
	if err := wait(ctx, 15*time.Millisecond); err != nil {
		return err
	}
	z.w.turns.take("zookeeper "+what, func() {
		switch {
		case z.bot.dead:
			err = errDead
		case z.w.now().Before(z.w.zk.down) || z.w.fate.strikes("zookeeper"):
			z.w.tell("fault", "ZooKeeper does not answer (%s)", what)
			err = errNoZooKeeper
		default:
			z.w.mishap()
			if z.bot.dead {
				err = errDead
				return
			}
			z.w.looked("zookeeper", what)
			f()
		}
	})
	return err
}

func (z *zkView) Candidates(ctx context.Context, _ string) (list []zk.Candidate, err error) {
	err = z.ask(ctx, "candidates", func() {
		for _, n := range z.w.candidates() {
			list = append(list, zk.Candidate{
				Node: fmt.Sprintf("_c_x-lock-%010d", n.seq), Sequence: fmt.Sprintf("%010d", n.seq), Form: zk.FormLock, Host: n.host, SessionOwner: int64(n.seq), Created: n.made,
			})
		}
	})
	return list, err
}

func (z *zkView) LogReplicas(ctx context.Context, _ string) (list []zk.Replica, err error) {
	err = z.ask(ctx, "replicas", func() {
		for _, n := range z.w.zk.nodes {
			if n.kind == "replica" {
				list = append(list, zk.Replica{Node: fmt.Sprintf("%010d", n.seq), Process: "log-replica(1)", Address: z.w.addressOf(n), SessionOwner: int64(n.seq), Created: n.made})
			}
		}
	})
	return list, err
}

func (w *world) addressOf(n *znode) netip.AddrPort {
	for i, h := range w.hosts {
		if h.name == n.host {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i)}), 8083)
		}
	}
	return netip.MustParseAddrPort("10.0.0.99:8083")
}

// resolve looks a host's name up.
func (w *world) resolve(_ context.Context, host string) ([]string, error) {
	return []string{w.addressOf(&znode{host: host}).Addr().String()}, nil
}

// hostAt is the host of an address like those, nil if it is none of them.
func (w *world) hostAt(address string) *host {
	for _, h := range w.hosts {
		if strings.HasPrefix(address, w.addressOf(&znode{host: h.name}).Addr().String()+":") {
			return h
		}
	}
	return nil
}

func (z *zkView) MesosMaster(ctx context.Context, _ string) (list []zk.Master, err error) {
	err = z.ask(ctx, "master", func() {
		list = append(list, zk.Master{Node: "json.info_0000000001", Sequence: "0000000001", Hostname: "master", Address: netip.MustParseAddrPort(mesosAddress), ID: "m1"})
	})
	return list, err
}
