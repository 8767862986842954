package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// What steps leave for messages, as far as messages show it. The recipe owns
// these shapes; fields that are not there stay zero and are shown as not known.

const (
	stepCluster  = "prepare/look-at-cluster"
	stepDiagnose = "prepare/diagnose"
	stepGone     = "without/look"
	stepLoss     = "assess/compare-with-log"
	stepDecide   = "assess/decide"
	stepLeader   = "restore/find-leader"
	stepDrop     = "restore/drop-tasks"
	stepCompare  = "restore/compare-staged"
)

// A backupFact is the backup as pre-flight decoded it.
type backupFact struct {
	Backup struct {
		Bytes     int64  `json:"bytes"`
		SHA256    string `json:"sha256"`
		Timestamp string `json:"timestamp"`
		Tasks     struct {
			Total  int `json:"total"`
			Active int `json:"active"`
		} `json:"tasks"`
		Jobs int `json:"jobs"`
	} `json:"backup"`
	From     []string `json:"from"`
	Warnings []string `json:"warnings"`
}

// inner is the time inside of the backup; zero if it is not known.
func (b *backupFact) inner() time.Time {
	t, err := time.Parse(time.RFC3339, b.Backup.Timestamp)
	if err != nil || t.Unix() <= 0 {
		return time.Time{}
	}
	return t
}

// A diagnosisFact is what was found right before the start gate.
type diagnosisFact struct {
	Verdict  health.Verdict   `json:"verdict"`
	Advice   string           `json:"advice"`
	Findings []health.Finding `json:"findings"`
	More     int              `json:"more"`
}

// A lookFact is what pre-flight found of the cluster.
type lookFact struct {
	Loss *lossFact `json:"loss"`
}

// A lossFact is what a restore would lose.
type lossFact struct {
	Against string `json:"against"`
	Known   bool   `json:"known"`
	Why     string `json:"why"`
	Killed  int    `json:"killed"`
	Revived int    `json:"resurrected"`
	Jobs    int    `json:"jobs"`

	Diff struct {
		Resurrected struct {
			ByJob map[string]int `json:"by_job"`
		} `json:"resurrected"`
	} `json:"diff"`

	Salvaged *salvagedFact `json:"salvaged"` // A backup made of the log.

	// Jobs that only the log knows.
	Create []struct {
		Job  string           `json:"job"`
		Each health.Resources `json:"each"`
	} `json:"create"`

	// By all who were asked. Nil in journals of before: the log was counted alone.
	Total *health.Loss `json:"total"`
}

// each is what one instance takes of the jobs that only the log knows.
func (l *lossFact) each() map[string]health.Resources {
	each := map[string]health.Resources{}
	for _, c := range l.Create {
		each[c.Job] = c.Each
	}
	return each
}

// A salvagedFact is a backup made of a replica's log.
type salvagedFact struct {
	runner.Source
	backupFact
	Total      health.Loss `json:"total"`
	NotOffered string      `json:"not_offered"`
}

// total is by all who were asked.
func (l *lossFact) total() health.Loss {
	switch {
	case l.Total != nil:
		return *l.Total
	case l.Known:
		return health.LossOf(health.LossSource{Source: health.LossByLog, Killed: l.Killed})
	}
	return health.LossOf()
}

// A decisionFact is the answer to the two questions of the assessment.
type decisionFact struct {
	Needed       bool     `json:"needed"`
	Reinitialize bool     `json:"reinitialize"`
	Why          []string `json:"why"`
}

// A fenceFact names the one scheduler that leads.
type fenceFact struct {
	Host string   `json:"host"`
	PID  int      `json:"pid"`
	Says []string `json:"says"`
}

// A stakeFact is what is staged.
type stakeFact struct {
	Tasks    int  `json:"tasks"`
	Dropped  int  `json:"dropped"`
	Previous int  `json:"previous"`
	Equal    bool `json:"equal"`
}

// A loadFact is what the log was loaded with.
type loadFact struct {
	Host    string `json:"host"`
	Tasks   int    `json:"tasks"`
	Dropped int    `json:"dropped"`
	Copies  int    `json:"copies"`
	CatchUp bool   `json:"catch_up"`
}

// A bindFact is what the commit gate bound when it opened, or the undo gate.
type bindFact struct {
	Undo   []runner.Effect `json:"undo"` // What an undo takes back.
	Staged *stakeFact      `json:"staged"`
	Loaded *loadFact       `json:"loaded"` // Instead of it, where the log was loaded offline.
	Loss   *lossFact       `json:"loss"`
	Leader *fenceFact      `json:"leader"`
}

// fact decodes what a step left on any host.
func fact[T any](s *runner.State, step string) (v T, ok bool) {
	for _, host := range sorted(s.Steps[step]) {
		f := s.Steps[step][host].Facts
		if len(f) == 0 {
			continue
		}
		var got T
		if json.Unmarshal(f, &got) == nil {
			return got, true
		}
	}
	return v, false
}

// decode decodes data, and reports whether there was something.
func decode[T any](data json.RawMessage) (v T, ok bool) {
	if len(data) == 0 {
		return v, false
	}
	if json.Unmarshal(data, &v) != nil {
		var zero T
		return zero, false
	}
	return v, true
}

// says is what the diagnosis comes to.
func (d *diagnosisFact) says() string {
	words := d.Verdict.Words()
	// The advice begins with the verdict's own name.
	advice := strings.TrimSpace(quote(cut(d.Advice, 600)))
	if rest, ok := strings.CutPrefix(strings.ToLower(advice), string(d.Verdict)+": "); ok {
		return words + ": " + advice[len(advice)-len(rest):]
	}
	if advice == "" {
		return words
	}
	return words + ". " + advice
}

// words names what was found, each kind once with its hosts, the worst first.
func (d *diagnosisFact) words(most int) string {
	var kinds []string
	on := map[string][]string{}
	for _, f := range d.Findings {
		kind := string(f.Severity) + " " + quote(f.ID)
		if on[kind] == nil {
			kinds = append(kinds, kind)
		}
		on[kind] = append(on[kind], quote(f.Subject))
	}
	for i, kind := range kinds {
		kinds[i] = kind + " on " + list(on[kind], 4)
	}
	words := strings.Join(kinds[:min(most, len(kinds))], "; ")
	if len(kinds) > most {
		words += "; " + more(len(kinds)-most)
	}
	if d.More > 0 {
		words += "; " + count(d.More, "more finding") + " in `assess`"
	}
	return words
}

// reason is why the state is wanted back.
func reason(s *runner.State) string {
	if strings.TrimSpace(s.Reason) == "" {
		return "none given"
	}
	return quote(cut(s.Reason, 300))
}

// backupField is the backup that is restored, its inner time, its age, and how much it
// holds where that is asked for.
func (s gateWords) backupField(at *runner.State, then time.Time, moment string, whole bool) Field {
	name := quote(cmp.Or(s.Request.Backup, "not named"))
	b, ok := fact[backupFact](at, stepCluster)
	about := ""
	if from := at.Source; from != nil {
		about = fmt.Sprintf(". It is made of the log of %s, %s, and replaces %s", quote(from.Host), upTo(from), name) + without(from)
		name = quote(from.Name)
		l, _ := fact[lossFact](at, stepLoss)
		if ok = l.Salvaged != nil; ok {
			b = l.Salvaged.backupFact
		}
	}
	if !ok || b.Backup.SHA256 == "" {
		return Field{backupName, name + ", its time is not known before pre-flight" + about}
	}
	age := "age not known"
	if t := b.inner(); !t.IsZero() {
		age = took(then.Sub(t)) + " old " + moment
	}
	words := fmt.Sprintf("%s of %s, %s", name, when(b.inner()), age)
	if whole {
		words += fmt.Sprintf("; %s, %s (%s active)", size(b.Backup.Bytes), count(b.Backup.Tasks.Total, "task"), digits(int64(b.Backup.Tasks.Active)))
	}
	return Field{backupName, words + about}
}

// checksum is the SHA-256 of what is restored, "" if it is not known yet.
func (s gateWords) checksum(at *runner.State) string {
	if at.Source != nil {
		return at.Source.SHA256
	}
	b, _ := fact[backupFact](at, stepCluster)
	return b.Backup.SHA256
}
