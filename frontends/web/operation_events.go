package web

import "encoding/json"

// events tell how far an operation is, by the figures of its JSON without the lists, which may be long.
func (op *operation) events() eventSource {
	return eventSource{"operation", &op.bell, func() (any, bool) {
		op.mu.Lock()
		defer op.mu.Unlock()
		return op.figures(), op.finished
	}}
}

// figures are JSON on one line. The operation's lock is held.
func (op *operation) figures() json.RawMessage {
	p := printer{flat: true}
	p.open('{')
	p.key("finished")
	p.boolean(op.finished)
	if op.checks != nil {
		p.deepCheckCounts(op.checks)
	}
	if stats, err := json.Marshal(op.stats); err == nil {
		p.rawMember("stats", stats)
	}
	if op.err != nil {
		p.key("error")
		p.text(problemOf(op.err).text)
	}
	p.close('}')
	return p.b
}
