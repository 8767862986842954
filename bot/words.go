package bot

import (
	"errors"
	"regexp"
	"strings"

	"aurorabot/bot/typing"
)

// defaultCommand is the slash command where the configuration names none.
const defaultCommand = "/aurora"

// maxText is the longest text that is read as a command, in bytes.
const maxText = 4000

var (
	reference = regexp.MustCompile(`<([@#!]|https?://|mailto:|tel:)([^<>|]*)(?:\|([^<>]*))?>`)
	entities  = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// words are those of a command that somebody typed or pasted in Slack, as they were
// meant; see [typing.Split] and [typing.Meant].
func words(text string) ([]string, error) { return wordsTo(text, defaultCommand) }

// wordsTo is the same where the bot's slash command is another.
func wordsTo(text, command string) ([]string, error) {
	if len(text) > maxText {
		return nil, errors.New("the text is too long for a command")
	}
	split, err := typing.Split(decode(text))
	return typing.Meant(split, command), err
}

// decode undoes what Slack makes of typed text: references to people, groups
// and channels become their IDs, links what was typed, entities characters.
// https://docs.slack.dev/messaging/formatting-message-text (read 2026-11-23).
func decode(text string) string {
	text = reference.ReplaceAllStringFunc(text, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		sigil, target, label := m[1], m[2], m[3]
		switch {
		case sigil == "@" || sigil == "#":
			return target
		case strings.HasPrefix(target, "date^") && label != "":
			return label
		case sigil == "!":
			if group, ok := strings.CutPrefix(target, "subteam^"); ok {
				return group
			}
			return "@" + target
		// Slack makes links of what only looks like one: "a.example" was typed.
		case label != "":
			return label
		case sigil == "mailto:" || sigil == "tel:":
			return target
		}
		return sigil + target
	})
	return entities.Replace(text)
}
