package blocks

// Slack's limits on a message and what is in it. Characters are counted as
// runes, JSON and escapes included, so that we stay below however Slack counts.
//
// Unless said otherwise: https://docs.slack.dev/reference/block-kit/blocks and
// the pages of the single blocks below it (read 2026-11-23).
const (
	maxBlocks  = 50
	maxHeader  = 150
	maxSection = 3000
	maxContext = 2000
	maxButtons = 25
	maxLabel   = 75
	maxValue   = 2000
	maxID      = 255
	maxTasks   = 50
	maxRows    = 100
	maxColumns = 20
	maxTitle   = 24 // Of a modal, and its buttons.
	maxInput   = 3000

	// maxMessage is not documented: above it Slack answers
	// msg_blocks_too_long. https://github.com/slackapi/bolt-js/issues/2509
	// (read 2026-11-23).
	maxMessage = 13_200

	// Of charts. Newer clients take more; the lower ones are taken by all.
	// https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
	// (read 2026-11-23).
	maxCharts     = 2
	maxSeries     = 6
	maxPoints     = 20
	maxPointLabel = 20
	maxChartTitle = 50

	// maxTable is on all cells of a table together.
	maxTable = 10_000

	// maxFallback is what Slack advises for the text beside blocks; 40,000 is
	// the most. https://docs.slack.dev/reference/methods/chat.postMessage
	// (read 2026-11-23).
	maxFallback = 4000
)

// Limits of our own, for people: what is longer is cut and goes along as a file.
const (
	shownRows    = 30 // Of a table.
	shownOutputs = 12
	shownCell    = 200
	shownTask    = 120
	shownDetail  = 240
	allValues    = 5000 // All buttons' JSON together.
)
