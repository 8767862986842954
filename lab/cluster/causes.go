package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"aurorabot/lab/host"
)

// flaps is how often leadership is made to change before anybody looks, and
// pause how long a leader then has.
const (
	flaps = 5
	pause = 6 * time.Second
)

// flapZooKeeper lets one leader after the other lose its ZooKeeper sessions, and
// goes on with it until [Cluster.Mend].
func (c *Cluster) flapZooKeeper(ctx context.Context) error {
	for range flaps {
		if err := c.loseLeader(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			if err := c.loseLeader(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintf(c.opt.Log, "flapping by ZooKeeper: %v\n", err)
			}
		}
	}()
	c.mend = func() error { cancel(); <-over; return nil }
	return nil
}

func (c *Cluster) loseLeader(ctx context.Context) error {
	leader, err := c.WaitLeader(ctx)
	if err != nil {
		return err
	}
	ok, err := c.LoseSessions(ctx, leader)
	if err == nil && !ok {
		err = errors.New("sessions of a real ZooKeeper cannot be ended: flapping-zookeeper needs embedded hosts")
	}
	return err
}

// registrationDelay is how long a leader waits for its Mesos master where that
// is withdrawn.
const registrationDelay = 4 * time.Second

// giveUpRegistering withdraws the Mesos master and restarts the schedulers: each
// leads, finds no master in time and gives up, until none is left (recorded).
func (c *Cluster) giveUpRegistering(ctx context.Context) error {
	if err := c.withdrawMaster(); err != nil {
		return err
	}
	c.mend = c.returnMaster
	for _, h := range c.Hosts {
		if _, err := c.Systemctl(h, "restart", host.Unit); err != nil {
			return err
		}
	}
	return until(ctx, time.Minute, "all leaders to give up", func() bool {
		gave := 0
		for _, h := range c.Hosts {
			if strings.Contains(c.SchedulerLog(h, 400), "Framework has not been registered within the tolerated delay") {
				gave++
			}
		}
		return gave == len(c.Hosts)
	})
}

// wrongQuorum lets one follower run with another quorum than the others.
func (c *Cluster) wrongQuorum(ctx context.Context, leader host.Machine) error {
	h := c.victims(leader)[len(c.victims(leader))-1]
	if h == leader {
		h = c.Hosts[0]
	}
	c.Truth.Damaged = append(c.Truth.Damaged, h.Name())
	file := h.Path(host.DefaultFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), "QUORUM_SIZE=2", "QUORUM_SIZE=3", 1)
	if changed == string(text) {
		return fmt.Errorf("%s sets no QUORUM_SIZE=2", file)
	}
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		return err
	}
	if _, err := c.Systemctl(h, "restart", host.Unit); err != nil {
		return err
	}
	return until(ctx, time.Minute, "the scheduler with the wrong quorum", func() bool { return c.candidate(ctx, h) })
}

// foreign is data as a backup of another framework, of the same length.
func (c *Cluster) foreign(data []byte) []byte {
	id := c.Truth.State.FrameworkID()
	other := strings.Map(func(r rune) rune {
		if r == '0' {
			return '1'
		}
		return '0'
	}, id)
	return []byte(strings.ReplaceAll(string(data), id, other))
}

// oldAge is how old an old backup is.
const oldAge = 40 * 24 * time.Hour

// aged gives a backup another inner time. Its timestamp is the first field:
// type 10 (i64), id 1, eight bytes.
func aged(data []byte, at time.Time) ([]byte, error) {
	if len(data) < 11 || data[0] != 10 || binary.BigEndian.Uint16(data[1:]) != 1 {
		return nil, errors.New("age the backup: it does not begin with its timestamp")
	}
	out := append([]byte{}, data...)
	binary.BigEndian.PutUint64(out[3:], uint64(at.UnixMilli()))
	return out, nil
}

// Mend ends a fault that goes on by itself: what an operator does who follows
// the advice. Without one it does nothing.
func (c *Cluster) Mend() error {
	mend := c.mend
	if c.mend = nil; mend == nil {
		return nil
	}
	return mend()
}
