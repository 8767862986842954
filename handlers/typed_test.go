package handlers_test

import (
	"slices"
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// A surface can tell of every command how it is typed there.
func TestMessagesKnowEveryCommand(t *testing.T) {
	for _, c := range handlers.Table() {
		if !slices.Contains(view.Commands, c.Name) {
			t.Errorf("view.Commands lacks %s", c.Name)
		}
	}
}
