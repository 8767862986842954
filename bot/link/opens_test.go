package link

import (
	"testing"
	"time"

	sandbox "aurorabot/lab/slack"
)

// quickly makes what hangs be given up soon, and not for its silence.
func quickly(d *desk, within time.Duration) {
	d.PingTimeout, d.Within = time.Hour, within
	for n := range d.all {
		d.all[n] = newLink(d.Links, n+1)
	}
}

// A link that Slack gave and the network killed is opened at once, however short it
// lived: the wait grows for what Slack refuses.
func TestKilledLinksAreOpenedAtOnce(t *testing.T) {
	d := newDesk(t)
	d.begin()
	began := time.Now()
	for n := range 10 {
		opens := d.Socket().Opens
		if n%2 == 0 {
			d.Kill()
		} else if !d.KillOne() {
			t.Fatal("there is no link to kill")
		}
		d.until("links again", func() bool { return d.Socket().Opens > opens && d.Socket().Links == 2 && d.up(2) })
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("to open what was killed ten times took %s", took)
	}
}

// An opening that hangs, wherever it does, is given up and tried again, by each link;
// when it hangs no more the links are there.
func TestOpeningsThatHangAreGivenUp(t *testing.T) {
	for name, fault := range map[string]struct{ hang, end func(*desk) }{
		"the call":      {func(d *desk) { d.OpenDelay(time.Hour) }, func(d *desk) { d.OpenDelay(0) }},
		"the handshake": {func(d *desk) { d.Stall(sandbox.AtHandshake) }, func(d *desk) { d.Stall("") }},
		"the hello":     {func(d *desk) { d.Stall(sandbox.AtHello) }, func(d *desk) { d.Stall("") }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			quickly(d, 300*time.Millisecond)
			d.begin()
			opens := d.Socket().Opens
			fault.hang(d)
			d.Kill()
			d.until("asked again by both", func() bool { return d.Socket().Opens >= opens+4 })
			if !d.up(0) {
				t.Error("a link counts as up that hangs")
			}
			fault.end(d)
			d.until("links again", func() bool { return d.Socket().Links == 2 && d.up(2) })
		})
	}
}

// An opening that hangs holds up no end, which the library alone would wait for.
func TestEndWhileAnOpeningHangs(t *testing.T) {
	for name, hang := range map[string]func(*desk){
		"the call":      func(d *desk) { d.OpenDelay(time.Hour) },
		"the handshake": func(d *desk) { d.Stall(sandbox.AtHandshake) },
		"the hello":     func(d *desk) { d.Stall(sandbox.AtHello) },
	} {
		d := newDesk(t)
		d.begin()
		opens := d.Socket().Opens
		hang(d)
		d.Kill()
		d.until("both are being opened", func() bool { return d.Socket().Opens >= opens+2 })
		if name != "the call" {
			d.until("they hang", func() bool { return d.Stalled() == 2 })
		}
		began := time.Now()
		d.end()
		if took := time.Since(began); took > d.Within/2 {
			t.Errorf("%s hangs: to end the links took %s", name, took)
		}
	}
}

// What came over a link that died is acknowledged over the other one, while the dead one
// waits to be opened.
func TestTheOtherLinkAcknowledges(t *testing.T) {
	d := newDesk(t)
	d.begin()
	d.OpenDelay(time.Hour)
	d.KillOne()
	d.until("one link", func() bool { return d.Socket().Links == 1 && d.up(1) })
	acks := d.Socket().LateAcks
	for _, l := range d.all {
		l.ack("none-waits", nil)
	}
	d.until("both have left", func() bool { return d.Socket().LateAcks == acks+2 })
}

// A link has from its opening until it is silent for as long as is configured, less what
// it takes to open another; and a moment only, until Slack said hello.
func TestPatienceOfALink(t *testing.T) {
	d := newDesk(t)
	now := d.Now()
	d.Now = func() time.Time { return now }
	l := d.all[0]
	for _, c := range []struct {
		what                   string
		joined, hello, heard   time.Duration // How long ago; negative: never.
		silence, within, wants time.Duration
	}{
		{"not open", -1, -1, -1, 30 * time.Second, 10 * time.Second, 10 * time.Second},
		{"just heard", time.Hour, time.Hour, 0, 30 * time.Second, 10 * time.Second, 27 * time.Second},
		{"silent for almost as long", time.Hour, time.Hour, 27*time.Second - 1, 30 * time.Second, 10 * time.Second, 1},
		{"silent for as long", time.Hour, time.Hour, 27 * time.Second, 30 * time.Second, 10 * time.Second, 0},
		{"of a short time a tenth is left", time.Hour, time.Hour, 0, 2 * time.Second, 10 * time.Second, 1800 * time.Millisecond},
		{"the one before was silent", 0, 0, time.Hour, 30 * time.Second, 10 * time.Second, 27 * time.Second},
		{"no hello", 4 * time.Second, time.Hour, 0, 30 * time.Second, 10 * time.Second, 6 * time.Second},
		{"no hello, only pings", 10 * time.Second, -1, 0, 30 * time.Second, 10 * time.Second, 0},
	} {
		at := func(ago time.Duration) time.Time {
			if ago < 0 {
				return time.Time{}
			}
			return now.Add(-ago)
		}
		d.PingTimeout, d.Within = c.silence, c.within
		l.joined, l.hello = at(c.joined), at(c.hello)
		l.pulse.read.Store(0)
		if c.heard >= 0 {
			l.pulse.read.Store(at(c.heard).UnixNano())
		}
		if got := l.patience(); got != c.wants {
			t.Errorf("%s: patience %s, want %s", c.what, got, c.wants)
		}
	}
}

// What Slack refuses is asked for ever less often, and holds up no other link.
func TestRefusedOpeningsAreSpaced(t *testing.T) {
	now := time.Now()
	o := opens{now: func() time.Time { return now }}
	o.slot(lived, true)
	for _, want := range []time.Duration{2, 4, 8, 15, 15} {
		got := o.slot(refused, false)
		if got != want*time.Second {
			t.Errorf("after a refusal %s, want %ds", got, want)
		}
		if other := o.slot(lost, false); other > lostGap {
			t.Errorf("a link that the network killed waits %s because another is refused", other)
		}
		now = now.Add(got)
	}
	if got := o.slot(lived, true); got > openGap {
		t.Errorf("after a link that worked %s", got)
	}
	if got := o.slot(refused, true); got != minGap {
		t.Errorf("after the next refusal %s, want %s", got, minGap)
	}
}

// Slack's refusals are spaced, also of a link that the network killed before.
func TestRefusalsAfterAKillAreSpaced(t *testing.T) {
	d := newDesk(t)
	d.begin()
	before := d.Socket().Opens
	d.FailOpens(1000, "internal_error")
	d.Kill()
	began := time.Now()
	d.until("a third opening", func() bool { return d.Socket().Opens >= before+3 })
	if took := time.Since(began); took < minGap {
		t.Errorf("three openings within %s, want the third after %s", took, minGap)
	}
}

// A network that kills both links every 400 ms keeps one being opened at once, for a
// minute and more; in an hour of it Slack is asked about a thousand times.
func TestOpeningsOfAnHourOfKills(t *testing.T) {
	begun := time.Now()
	now := begun
	o := opens{now: func() time.Time { return now }}
	asks := []time.Time{begun, begun} // When each of the links asks for its next opening.
	calls := 0
	for now.Sub(begun) < time.Hour {
		first := 0
		if asks[1].Before(asks[0]) {
			first = 1
		}
		now = asks[first]
		// The other one died with it, or waits for its time.
		alone := !asks[1-first].After(now) || asks[1-first].Sub(now) > 400*time.Millisecond
		wait := o.slot(lived, alone)
		if calls++; alone && now.Sub(begun) < 70*time.Second && wait > openGap {
			t.Fatalf("after %s of it no link is being opened for %s", now.Sub(begun), wait)
		}
		// The next kill is what ends it.
		asks[first] = begun.Add((now.Add(wait).Sub(begun)/(400*time.Millisecond) + 1) * 400 * time.Millisecond)
	}
	if calls < 700 || calls > 1200 {
		t.Errorf("%d openings in an hour, want about 1000", calls)
	}
}

// A long outage, in which no call reaches Slack, uses nothing of the burst up.
func TestAnOutageUsesNoOpenings(t *testing.T) {
	now := time.Now()
	o := opens{now: func() time.Time { return now }}
	for range 10 * burst {
		now = now.Add(o.slot(lost, true))
		o.unanswered()
	}
	if got := o.slot(lived, false); got > openGap {
		t.Errorf("after an outage a link waits %s", got)
	}
}
