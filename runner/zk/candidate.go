package zk

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// A Form is how an election library names its candidates. Candidates of
// different forms do not see each other: while a cluster changes from one
// release to another, each form has a leader.
type Form string

// The forms that Aurora's releases have used (golden/aurora/VERSIONS.md).
const (
	FormSingleton Form = "singleton_candidate" // Twitter's own: up to 0.18.
	FormLatch     Form = "latch"               // Curator's LeaderLatch: 0.14 to 0.16.
	FormLock      Form = "lock"                // Curator's LeaderSelector: from 0.17.
)

// A Candidate is a scheduler that leads or waits to lead.
type Candidate struct {
	Node         string    // Name of the node, without its path.
	Sequence     string    // Number at its end, as the server wrote it. Of one form the lowest leads.
	Form         Form      // Naming form.
	Host         string    // As -hostname says, or the host's address in the oldest form; no port. Empty if the node holds none.
	SessionOwner int64     // Session that the node ends with. Zero: it was left by nobody, and goes with nobody.
	Created      time.Time // By the server's clock, in UTC.
}

const singletonPrefix = "singleton_candidate_"

// splitCandidate tells the three forms from everything else.
func splitCandidate(name string) (form Form, sequence string, ok bool) {
	if rest, found := strings.CutPrefix(name, singletonPrefix); found {
		return FormSingleton, rest, isSequence(rest)
	}
	rest, found := strings.CutPrefix(name, "_c_")
	if !found {
		return "", "", false
	}
	for _, form := range []Form{FormLatch, FormLock} {
		if _, sequence, found := strings.Cut(rest, "-"+string(form)+"-"); found {
			return form, sequence, isSequence(sequence)
		}
	}
	return "", "", false
}

func isCandidate(name string) bool {
	_, _, ok := splitCandidate(name)
	return ok
}

// parseCandidates returns the candidates among nodes, the leader first.
func parseCandidates(nodes []znode) ([]Candidate, error) {
	list := []Candidate{}
	for _, n := range nodes {
		form, sequence, ok := splitCandidate(n.name)
		if !ok {
			continue
		}
		host, err := candidateHost(form, n.data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
		list = append(list, Candidate{n.name, sequence, form, host, n.owner, n.created})
	}
	sortByText(list, func(c Candidate) string { return c.Sequence })
	return list, nil
}

// candidateHost reads a candidate's data. Twitter's library first wrote the
// four or sixteen bytes of an address, later its text, and "UNKNOWN" where a
// host could not find its own.
func candidateHost(form Form, data []byte) (string, error) {
	text := strings.TrimSpace(string(data))
	switch {
	case text == "", form == FormSingleton && text == "UNKNOWN":
		return "", nil
	case form == FormSingleton && (len(data) == net.IPv4len || len(data) == net.IPv6len) && net.ParseIP(text) == nil:
		return net.IP(data).String(), nil
	case !isHost(text):
		return "", fmt.Errorf("data %s is no host name", quote(data))
	}
	return text, nil
}

// quote shows data in an error, cut where it is long.
func quote(data []byte) string {
	const most = 80
	if len(data) > most {
		return fmt.Sprintf("%q… (%d bytes)", data[:most], len(data))
	}
	return fmt.Sprintf("%q", data)
}
