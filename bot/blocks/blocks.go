// Package blocks lays out a [view.Message] in Slack's Block Kit. It is pure.
//
// Whatever the message holds, the result is within Slack's limits, and nothing
// in it mentions, links or formats but what this package puts there: text goes
// into rich_text and raw_text, which Slack does not interpret, or is escaped.
package blocks

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// A Layout is a message ready to send.
type Layout struct {
	Blocks []slack.Block
	Files  []view.File // What was cut, whole. The message names each of them.
}

// rooms are how many characters the parts that can grow may have together,
// from generous to bare. The first that fits Slack's limits is taken; at the
// last one any message fits.
var rooms = []int{9000, 7000, 5500, 4000, 3000, 2000, 1200, 600, 200}

// Lay lays m out.
func Lay(m view.Message) Layout {
	var l Layout
	m = tidy(m)
	for _, room := range rooms {
		b := builder{room: room}
		b.message(m)
		l = Layout{b.blocks, b.files}
		if fits(l.Blocks) || room == rooms[len(rooms)-1] {
			if b.whole {
				l.Files = append(l.Files, view.File{Name: wholeName, Text: whole(m)})
			}
			break
		}
	}
	return l
}

// fits reports whether Slack takes blocks for one message, by number and size.
func fits(blocks []slack.Block) bool {
	return len(blocks) <= maxBlocks && size(blocks) <= maxMessage
}

// size is the length of v's JSON in characters, as Slack's clients see it.
func size(v any) int {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return maxMessage + 1
	}
	return utf8.RuneCount(b.Bytes())
}

// A builder gathers blocks and the files for what it had to cut.
type builder struct {
	room   int // Characters for parts that can grow, together.
	blocks []slack.Block
	files  []view.File
	whole  bool // The whole message goes along as a file.
	modal  bool // What is built asks about a message, which stands where it stood.
}

func (b *builder) add(blocks ...slack.Block) { b.blocks = append(b.blocks, blocks...) }

func (b *builder) message(m view.Message) {
	b.head(m)
	b.lines(m)
	b.fields(m)
	b.links(m)
	b.tasks(m)
	b.charts(m)
	b.tables(m)
	b.outputs(m)
	b.actions(m)
	b.foot(m)
}

// wholeName is the file that holds a message which was cut.
const wholeName = "message.txt"

// elsewhere is where what a builder cuts is whole: no file goes with a modal.
func (b *builder) elsewhere() string {
	if b.modal {
		return "the message"
	}
	return "`" + wholeName + "`"
}
