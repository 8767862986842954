package backup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"slices"

	"aurorabot/runner/bound"
	"aurorabot/runner/tbinary"
)

// canonical appends the bytes of a struct in a form that does not depend on
// the order of fields, sets and maps, which differs from one dump to the next.
// Lists keep their order; equal elements of a set count once.
func canonical(dst []byte, s *tbinary.Struct) []byte {
	fields := slices.Clone(s.Fields)
	slices.SortStableFunc(fields, func(a, b tbinary.Field) int { return cmp.Compare(a.ID, b.ID) })
	for i, f := range fields {
		if i+1 < len(fields) && fields[i+1].ID == f.ID {
			continue // The last one counts.
		}
		dst = tbinary.AppendField(dst, f.Type, f.ID)
		dst = canonicalValue(dst, f.Type, f.Value)
	}
	return append(dst, byte(tbinary.TypeStop))
}

func canonicalValue(dst []byte, t tbinary.Type, v any) []byte {
	switch v := v.(type) {
	case *tbinary.Struct:
		return canonical(dst, v)
	case *tbinary.List:
		parts := make([][]byte, len(v.Values))
		for i, e := range v.Values {
			parts[i] = canonicalValue(nil, v.Elem, e)
		}
		if t == tbinary.TypeSet {
			parts = sorted(parts)
		}
		return join(tbinary.AppendList(dst, elemType(v.Elem, len(parts)), len(parts)), parts)
	case *tbinary.Map:
		parts := make([][]byte, len(v.Entries))
		for i, e := range v.Entries {
			parts[i] = canonicalValue(canonicalValue(nil, v.Key, e.Key), v.Elem, e.Value)
		}
		parts = sorted(parts)
		return join(tbinary.AppendMap(dst, elemType(v.Key, len(parts)), elemType(v.Elem, len(parts)), len(parts)), parts)
	}
	return tbinary.AppendValue(dst, t, v)
}

// elemType is the mark of elements; where there are none it says nothing.
func elemType(t tbinary.Type, n int) tbinary.Type {
	if n == 0 {
		return tbinary.TypeStop
	}
	return t
}

func sorted(parts [][]byte) [][]byte {
	slices.SortFunc(parts, bytes.Compare)
	return slices.CompactFunc(parts, bytes.Equal)
}

func join(dst []byte, parts [][]byte) []byte {
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// digest is the SHA-256 of an element's canonical form.
type digest [sha256.Size]byte

func sum(b []byte) digest { return sha256.Sum256(b) }

// digestOf falls back on the bytes as they are if they do not decode strictly.
func digestOf(e []byte) digest {
	d, _, _ := decoded(e, math.MaxInt)
	return d
}

// decoded returns an element's digest, and its tree; without fields if the bytes do
// not decode strictly. The error is that the tree takes more than memory bytes.
func decoded(e []byte, memory int) (digest, *tbinary.Struct, error) {
	s, err := tbinary.DecodeAllWithin(e, memory)
	switch {
	case errors.Is(err, bound.ErrTooMuch):
		return digest{}, nil, err
	case err != nil:
		return sum(e), &tbinary.Struct{}, nil
	}
	return sum(canonical(nil, s)), s, nil
}

// fullState lists the sets that make up the state that a restore must bring
// back. The timestamp, who wrote the backup and the SQL dump are not part of it.
var fullState = []Field{TaskSet, CronJobs, Quotas, Locks, JobUpdates, HostAttributes, MaintenanceRequests}

// Fingerprint is a SHA-256, in hex, of the full state: tasks, crons, quotas,
// locks, updates, host attributes, maintenance requests and the framework id,
// independent of the order of sets. Absent and empty sets are the same.
func (s *Snapshot) Fingerprint() string {
	h := sha256.New()
	h.Write(tbinary.AppendString(nil, s.FrameworkID()))
	for _, id := range fullState {
		elems := s.Elements(id)
		sums := make([][]byte, len(elems))
		for i, e := range elems {
			d := digestOf(e)
			sums[i] = d[:]
		}
		sums = sorted(sums)
		h.Write(tbinary.AppendList(nil, tbinary.TypeStruct, len(sums)))
		h.Write(join(nil, sums))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Equal tells whether two snapshots have the same full state; see [Snapshot.Fingerprint].
func Equal(a, b *Snapshot) bool { return a.Fingerprint() == b.Fingerprint() }
