package runner

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A Plan says for every step and host what will be done, what is done already,
// and whether it can be undone. It is made of the recipe and the journal alone.
type Plan struct {
	Run     string      `json:"run"`
	Recipe  string      `json:"recipe"`
	Version int         `json:"version"`
	Request Request     `json:"request"`
	Phases  []PlanPhase `json:"phases"`
	Digest  string      `json:"digest,omitempty"`
}

// A PlanPhase is one section.
type PlanPhase struct {
	ID     string     `json:"id"`
	Title  string     `json:"title"`
	Source string     `json:"source"`
	Steps  []PlanStep `json:"steps"`
	Undoes string     `json:"undoes,omitempty"`
}

// A PlanStep is one line.
type PlanStep struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Source   string     `json:"source"`
	Gate     string     `json:"gate,omitempty"` // The gate before it.
	ReadOnly bool       `json:"read_only,omitempty"`
	OneWay   string     `json:"one_way,omitempty"`
	Skip     string     `json:"skip,omitempty"`          // Why it has no turn, as far as is known now.
	Limit    int64      `json:"limit_seconds,omitempty"` // Longest time on one host. People are shown it; no digest covers it.
	Hosts    []PlanHost `json:"hosts"`
}

// A PlanHost is one line on one host.
type PlanHost struct {
	Host string   `json:"host"`
	Does []string `json:"does,omitempty"` // Commands and file changes.
	Done bool     `json:"done,omitempty"`

	Unknown string `json:"unknown,omitempty"` // Why it cannot be told what is done there.
}

// MakePlan lays r out over what s knows. It asks no host.
func MakePlan(r *Recipe, s *State) Plan {
	p := Plan{Run: s.Run, Recipe: r.ID, Version: r.Version, Request: s.Request}
	for i := range r.Phases {
		ph := &r.Phases[i]
		pp := PlanPhase{ID: ph.ID, Title: ph.Title, Source: ph.Source, Undoes: ph.Undoes}
		for j := range ph.Steps {
			pp.Steps = append(pp.Steps, planStep(r, ph, &ph.Steps[j], s))
		}
		p.Phases = append(p.Phases, pp)
	}
	p.Digest = p.digest()
	return p
}

func planStep(r *Recipe, ph *Phase, st *Step, s *State) PlanStep {
	ps := PlanStep{ID: st.ID, Title: st.Title, Source: st.Source, ReadOnly: st.ReadOnly(), OneWay: st.OneWay, Limit: int64(cmp.Or(st.Limit, defaultLimit) / time.Second)}
	for _, g := range r.Gates {
		if g.Before == st.ID {
			ps.Gate = g.ID
		}
	}
	for _, needed := range []func(*State) (bool, string){ph.Needed, st.Needed} {
		if needed == nil || ps.Skip != "" {
			continue
		}
		if ok, why := needed(s); !ok {
			ps.Skip = why
		}
	}
	for _, host := range st.on(ph, s) {
		h := PlanHost{Host: host, Done: s.Passed(st.ID, host)}
		if st.Shows != nil {
			h.Does = st.Shows(&Task{Host: r.Hosts[host], On: host, Step: st.ID, State: s})
		}
		ps.Hosts = append(ps.Hosts, h)
	}
	return ps
}

// digest hashes the plan without progress: what is bound is what will be done,
// not how far it got.
func (p Plan) digest() string {
	p.Digest = ""
	p.Phases = slices.Clone(p.Phases)
	for i := range p.Phases {
		p.Phases[i].Steps = slices.Clone(p.Phases[i].Steps)
		for j := range p.Phases[i].Steps {
			hosts := slices.Clone(p.Phases[i].Steps[j].Hosts)
			for k := range hosts {
				hosts[k].Done = false
			}
			p.Phases[i].Steps[j].Hosts, p.Phases[i].Steps[j].Limit = hosts, 0
		}
	}
	return Digest(p)
}

// UndoGate returns the digest that approvals of an undo bind to, over what it
// takes back, and what is shown of it.
func UndoGate(s *State) (digest string, v GateView) {
	back := slices.DeleteFunc(slices.Clone(s.Effects), func(e Effect) bool { return !s.Of(e.Step, e.Host).Begun })
	binds := map[string]any{"undo": back}
	return Digest(map[string]any{"run": s.Run, "gate": GateUndo, "binds": binds}), GateView{Title: "Undo everything, and start the schedulers as they were?", Binds: binds}
}

// GateDigest is what approvals at a gate bind to: SHA-256 over canonical JSON
// of run, gate, what the recipe covers, the steps that remain from the gate on,
// and what the gate binds. No times, no progress.
func GateDigest(r *Recipe, s *State, g *Gate) string {
	if g.ID == GateWithout {
		s = s.asIfLeft() // What is consented to is the run without them.
	}
	plan := MakePlan(r, s)
	var remaining []PlanStep
	reached := g.ID == GateWithout
	for _, ph := range plan.Phases {
		for _, st := range ph.Steps {
			reached = reached || st.ID == g.Before
			if reached {
				st.Limit = 0
				for k := range st.Hosts {
					st.Hosts[k].Done = false
				}
				remaining = append(remaining, st)
			}
		}
	}
	// Who reads along and where is not what is approved; the rest of the request is.
	request := s.Request
	request.Channel = ""
	request.Reason = s.Reason
	covered := map[string]any{
		"run": s.Run, "gate": g.ID, "recipe": r.ID, "version": r.Version,
		"request": request, "steps": remaining,
	}
	if len(s.Without) > 0 {
		covered["without"] = s.leftOut()
	}
	if r.Covers != nil {
		covered["covers"] = r.Covers(s)
	}
	if g.Binds != nil {
		covered["binds"] = g.Binds(s)
	}
	return Digest(covered)
}

// Digest is the SHA-256, in hex, of v as canonical JSON: keys sorted, no space,
// no HTML escaping. It panics if v is no JSON value, which only a mistake in a
// recipe can cause.
func Digest(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("runner: digest of %T: %v", v, err))
	}
	// Through a generic value, so that struct fields are sorted like map keys.
	var generic any
	dec := json.NewDecoder(&b)
	dec.UseNumber()
	if err := dec.Decode(&generic); err != nil {
		panic(fmt.Sprintf("runner: digest of %T: %v", v, err))
	}
	var canonical bytes.Buffer
	enc = json.NewEncoder(&canonical)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(generic); err != nil {
		panic(fmt.Sprintf("runner: digest of %T: %v", v, err))
	}
	sum := sha256.Sum256(bytes.TrimSpace(canonical.Bytes()))
	return hex.EncodeToString(sum[:])
}
