package scheduler

import (
	"context"
	"sync"
	"time"

	"aurorabot/lab/master"
)

// A driver stands between the scheduler and the Mesos master: it looks for the
// master for as long as it runs, registers, and registers again when the stream
// breaks. With an address that nobody answers at it never does.
type driver struct {
	address    string
	log        *logger
	subscribe  master.Subscription
	registered func(frameworkID string, again bool)
	status     func(master.Event)
	failed     func(message string)
	lost       func() // the stream of a registered framework broke

	mu        sync.Mutex
	at        string // the master's host:port while registered
	framework string
}

// run serves the scheduler until ctx ends: it stops with failover, the tasks go
// on.
func (d *driver) run(ctx context.Context) {
	again := false
	for ctx.Err() == nil {
		at, err := master.Find(ctx, d.address)
		if err == nil {
			// Why the link ended does not matter: it is tried again, as the real driver does.
			_ = master.Subscribe(ctx, at, d.subscribe, func(e master.Event) {
				switch e.Kind {
				case master.Registered:
					d.mu.Lock()
					d.at, d.framework = at, e.Framework
					d.subscribe.ID = e.Framework
					d.mu.Unlock()
					d.log.info("lab-driver", "MesosCallbackHandler$MesosCallbackHandlerImpl", "Registered with ID value: \"%s\"\n, master: id: \"%s\"\nip: %d\nport: %d\nhostname: \"%s\"\n",
						e.Framework, e.Master.ID, e.Master.IP, e.Master.Port, e.Master.Hostname)
					d.registered(e.Framework, again)
					again = true
				case master.Status:
					d.status(e)
				case master.Failed:
					d.failed(e.Message)
				}
			})
		}
		d.mu.Lock()
		was := d.at != ""
		d.at = ""
		d.mu.Unlock()
		if was && ctx.Err() == nil {
			d.log.warn("lab-driver", "MesosCallbackHandler$MesosCallbackHandlerImpl", "Framework disconnected.")
			d.lost()
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// send does a call at the master, if there is one.
func (d *driver) send(ctx context.Context, kind string, tasks ...master.Task) bool {
	d.mu.Lock()
	at, framework := d.at, d.framework
	d.mu.Unlock()
	if at == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := master.Send(ctx, at, master.Call{Kind: kind, Framework: framework, Tasks: tasks}); err != nil {
		d.log.warn("lab-driver", "SchedulerDriverService", "%s: %v", kind, err)
		return false
	}
	return true
}
