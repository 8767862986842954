package zk

import (
	"cmp"
	"slices"
	"strconv"
)

// isSequence reports whether text is the number that a server put behind a
// sequential node's name: ten digits, and after 2147483647 a negative number
// of ten or eleven characters.
func isSequence(text string) bool {
	digits := text
	if text != "" && text[0] == '-' {
		digits = text[1:]
	}
	for _, r := range digits {
		if r < '0' || r > '9' {
			return false
		}
	}
	switch {
	case len(text) == 10:
	case len(text) == 11 && text[0] == '-' && text[1] != '0':
	default:
		return false
	}
	_, err := strconv.ParseInt(text, 10, 32)
	return err == nil
}

// sortByText orders by the sequence as text, as both of Aurora's election
// libraries do (Ordering.natural in com.twitter.common.zookeeper.CandidateImpl,
// String.compareTo in Curator's LockInternals; read 2026-11-23). It differs
// from the order of numbers only among negative ones.
func sortByText[T any](list []T, sequence func(T) string) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(sequence(a), sequence(b)) })
}

// sortByNumber orders by the sequence as a signed number, as Mesos' groups do
// (numify<int32_t> in src/zookeeper/group.cpp; read 2026-11-23): after an
// overflow the newest, being negative, come first.
func sortByNumber[T any](list []T, sequence func(T) string) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(number(sequence(a)), number(sequence(b))) })
}

// number is the value of what isSequence has accepted.
func number(sequence string) int64 {
	n, err := strconv.ParseInt(sequence, 10, 32)
	if err != nil {
		panic("zk: not a sequence: " + sequence)
	}
	return n
}
