package view

import "time"

// Screens is everything that a surface with messages shows of one run: a pure
// function of the run's events. A surface posts what it has not posted, edits
// what differs from what it posted, and leaves alone what does not.
type Screens struct {
	// Home is the ID of the channel where the run was asked. The name of
	// another surface ("cli"): the surface's own default. Empty: nowhere, it
	// is not a run that is shown.
	Home string

	Asked string // Who asked for the run, "TEAM/USER".

	// Status is the run's one message: what is now, what is next, who is
	// waited for. It is edited; the thread hangs below it. A status without Head
	// and Lines means that nothing of this run is shown.
	Status Message

	Thread  []Keyed // Below Status, in this order.
	Channel []Keyed // Beside Status, in this order: what must not be missed (the commit gate).

	Closed bool // The run is over: nothing here will change again.

	// Until is when something here changes because time has passed: an approval ends, or
	// people are reminded. Zero: nothing does.
	Until time.Time
}

// A Keyed message keeps its place: a surface that posted a key edits that
// message when its content changes. Keys are unique within a run's Thread and
// Channel, and never change their meaning.
type Keyed struct {
	Key     string
	Message Message
	Final   bool // It will not change again: what is too long for it may go along as a file now.
}
