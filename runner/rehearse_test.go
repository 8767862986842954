package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A stage is three hosts with a recipe that looks first: a tool is brought, each host
// is looked at, then all of them together; the step behind the gate changes something.
type stage struct {
	mu      sync.Mutex
	tools   map[string]bool
	changed []string
	looked  []string // Hosts that the look at the cluster knew.

	silent, odd string // Hosts.
	ends        bool   // The cluster needs no recovery.
	beside      string // What else is wrong then.
}

func (s *stage) recipe() *Recipe {
	all := func(st *State) []string { return st.Here([]string{"s1", "s2", "s3"}) }
	locked := func(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }
	return &Recipe{
		ID: "toy", Hosts: map[string]Host{"s1": nil, "s2": nil, "s3": nil},
		Gates: []Gate{{ID: "start", Before: "prepare/change", Title: "Begin?"}},
		Phases: []Phase{{ID: "prepare", Steps: []Step{
			{
				ID: "prepare/tool", On: all, Tool: true, Last: true,
				Verify: func(_ context.Context, t *Task) (a Answer, err error) {
					if t.On == s.silent {
						return a, errors.New("dial: no route to host")
					}
					locked(func() { a = Answer{Yes: s.tools[t.On], Evidence: "looked"} })
					return a, nil
				},
				Do: func(_ context.Context, t *Task) (any, error) {
					locked(func() { s.tools[t.On] = true })
					return nil, nil
				},
				Undo: func(_ context.Context, t *Task, _ Receipt) (Answer, error) {
					locked(func() { delete(s.tools, t.On) })
					return Yes("gone"), nil
				},
			},
			{ID: "prepare/look", On: all, Check: func(_ context.Context, t *Task) (Answer, error) {
				if t.On == s.odd {
					return No("the disk is full").With("facts of " + t.On), nil
				}
				return Yes("well").With("facts of " + t.On), nil
			}},
			{ID: "prepare/cluster", On: func(*State) []string { return []string{Bot} }, Check: func(_ context.Context, t *Task) (Answer, error) {
				locked(func() { s.looked = all(t.State) })
				for _, h := range s.looked {
					if _, ok := (Fact[string]{"prepare/look"}).Of(t.State, h); !ok {
						return Answer{}, fmt.Errorf("%s was not looked at", h)
					}
				}
				if s.ends {
					return No("%s", s.beside).With("cluster"), &Ending{Reason: StopNotNeeded, Close: true, Why: "it works"}
				}
				return Yes("broken").With("cluster"), nil
			}},
			{ID: "prepare/again", On: func(*State) []string { return []string{Bot} }, Check: func(context.Context, *Task) (Answer, error) {
				if s.ends {
					return Answer{}, &Ending{Reason: StopNotNeeded, Close: true, Why: "its log is whole"}
				}
				return Yes("broken"), nil
			}},
			{
				ID: "prepare/change", On: all, Shows: func(t *Task) []string {
					f, _ := (Fact[string]{"prepare/look"}).Of(t.State, t.On)
					return []string{"change by " + f}
				},
				Verify: func(context.Context, *Task) (Answer, error) { return No("not yet"), nil },
				Do: func(_ context.Context, t *Task) (any, error) {
					locked(func() { s.changed = append(s.changed, t.On) })
					return nil, nil
				},
				Undo: func(context.Context, *Task, Receipt) (Answer, error) { return Yes("back"), nil },
			},
		}}},
	}
}

// A plan is made whatever speaks against it: of what is known, with what is not left
// open. Nothing but looking is done, and the tools go again where they were brought.
func TestRehearse(t *testing.T) {
	for _, tt := range []struct {
		name        string
		silent, odd string
		ends        bool
		gates       bool // The recipe has its gate.
		does        string
		against     string
		looked      string
	}{
		{"all is well", "", "", false, true, "s1 change by facts of s1; s2 change by facts of s2; s3 change by facts of s3", "", "s1 s2 s3"},
		{"a host is silent", "s3", "", false, true, "s1 change by facts of s1; s2 change by facts of s2; s3 ? dial: no route to host", "prepare/tool s3 dial: no route to host open", "s1 s2"},
		{"a host is odd", "", "s2", false, true, "s1 change by facts of s1; s2 change by facts of s2; s3 change by facts of s3", "prepare/look s2 the disk is full", "s1 s2 s3"},
		{"not needed", "", "", true, true, "s1 change by facts of s1; s2 change by facts of s2; s3 change by facts of s3", "prepare/cluster bot it works not-needed", "s1 s2 s3"},
		{"all of it", "s1", "s3", true, true, "s1 ? dial: no route to host; s2 change by facts of s2; s3 change by facts of s3", "prepare/tool s1 dial: no route to host open; prepare/look s3 the disk is full; prepare/cluster bot it works not-needed; prepare/cluster bot no backup", "s2 s3"},
		{"a recipe without gates", "", "", false, false, "s1 change by facts of s1; s2 change by facts of s2; s3 change by facts of s3", "", "s1 s2 s3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &stage{silent: tt.silent, odd: tt.odd, ends: tt.ends, tools: map[string]bool{"s2": true}}
			if tt.name == "all of it" {
				s.beside = "no backup"
			}
			r := s.recipe()
			if !tt.gates {
				r.Gates = nil
			}
			e := &Engine{Journal: &Memory{}, Now: time.Now}
			if _, err := e.Append("r1", Event{Kind: RunRequested, Data: []byte(`{"cluster":"dev"}`)}); err != nil {
				t.Fatal(err)
			}
			plan, against, err := e.Rehearse(t.Context(), r, "r1")
			if err != nil {
				t.Fatal(err)
			}
			var does, why []string
			for _, h := range plan.Phases[0].Steps[4].Hosts {
				one := h.Host + " " + strings.Join(h.Does, ",")
				if h.Unknown != "" {
					one += "? " + h.Unknown
				}
				does = append(does, one)
			}
			for _, o := range against {
				one := o.Step + " " + o.Host + " " + o.Why
				if o.Reason != "" {
					one += " " + string(o.Reason)
				}
				if o.Open {
					one += " open"
				}
				why = append(why, one)
			}
			if got := strings.Join(does, "; "); got != tt.does {
				t.Errorf("the plan does %q, want %q", got, tt.does)
			}
			if got := strings.Join(why, "; "); got != tt.against {
				t.Errorf("against it: %q, want %q", got, tt.against)
			}
			if got := strings.Join(s.looked, " "); got != tt.looked || len(s.changed) > 0 {
				t.Errorf("looked at %q, want %q; changed %q", got, tt.looked, s.changed)
			}
			if plan.Digest == "" || plan.Digest != plan.digest() {
				t.Errorf("digest %q", plan.Digest)
			}
			if _, err := e.Append("r1", Event{Kind: UndoRequested}); err != nil {
				t.Fatal(err)
			}
			if st, err := e.Undo(t.Context(), r, "r1"); err != nil || st.Status != Closed || len(s.tools) != 1 || !s.tools["s2"] {
				t.Errorf("afterwards %s, %v, tools %v: want that of s2 alone, which was there", st.Status, err, s.tools)
			}
		})
	}
}

// Nobody is there to be asked: the plan is open everywhere. Who breaks it off gets none.
func TestRehearseWithoutAnybody(t *testing.T) {
	s := &stage{tools: map[string]bool{}}
	r := s.recipe()
	r.Phases[0].Steps[0].Verify = func(context.Context, *Task) (Answer, error) { return Answer{}, errors.New("no route") }
	e := &Engine{Journal: &Memory{}, Now: time.Now}
	if _, err := e.Append("r1", Event{Kind: RunRequested, Data: []byte(`{"cluster":"dev"}`)}); err != nil {
		t.Fatal(err)
	}
	plan, against, err := e.Rehearse(t.Context(), r, "r1")
	open := func(h PlanHost) bool { return h.Unknown == "no route" }
	if err != nil || len(against) != 3 || s.looked != nil || !slices.ContainsFunc(plan.Phases[0].Steps[4].Hosts, open) {
		t.Errorf("%v, %+v, looked at %q, %+v", err, against, s.looked, plan.Phases[0].Steps[4].Hosts)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the person went away"))
	if _, _, err := e.Rehearse(ctx, r, "r1"); err == nil {
		t.Error("a plan, though nobody waits for it")
	}
}
