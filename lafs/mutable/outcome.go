package mutable

import (
	"bytes"
	"errors"

	"tahoe/storage"
)

// An outcome is what came of it.
type outcome struct {
	*target
	result storage.SlotResult
	err    error
}

// take judges what a server did.
func (p *publication) take(o outcome) {
	id := o.server.ID()
	if o.err == nil && p.contradictory(o) {
		o.err = errContradictory
	}
	if o.err != nil {
		p.failed[id] = o.err
		p.unsure = p.unsure || !refused(o.err)
		p.lost = p.lost || o.known || !refused(o.err)
		p.load[id] -= len(o.shares)
		for num, x := range o.shares {
			if x != nil {
				p.behind[num] = true
			}
		}
		return
	}
	if !o.result.Wrote && !p.tookBefore(o) || p.surprising(o) {
		p.strange = append(p.strange, o.server)
	}
	if o.result.Wrote || p.tookBefore(o) {
		p.took += len(o.shares)
		for num := range o.shares {
			p.placed[num] = append(p.placed[num], o.server)
		}
	}
}

// refused says whether an error means that nothing was written.
func refused(err error) bool {
	for _, no := range []error{
		errContradictory,
		storage.ErrBadSecret, storage.ErrNoSpace, storage.ErrReadOnly, storage.ErrTooLarge, storage.ErrMalformed, storage.ErrConflict,
		storage.ErrRange,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// tookBefore says whether the server has all that it was offered already: an answer was lost on its way, and the request made
// again.
func (p *publication) tookBefore(o outcome) bool {
	for num := range o.shares {
		if values := o.result.Data[num]; len(values) != 1 || !bytes.HasPrefix(values[0], p.check) {
			return false
		}
	}
	return true
}

// contradictory says whether a server refused a write although it shows just what the write tests for. That is no sign of another
// writer, but of a server that does not show what it has.
func (p *publication) contradictory(o outcome) bool {
	if o.result.Wrote || p.surprising(o) {
		return false
	}
	for num, x := range o.shares {
		values := o.result.Data[num]
		if x == nil || len(x.check) == 0 {
			if len(values) > 0 && len(values[0]) > 0 {
				return false
			}
			continue
		}
		if len(values) != 1 || !bytes.HasPrefix(values[0], x.check) {
			return false
		}
	}
	return true
}

// surprising says whether the server has another share of a version that is neither the new one nor what was known to be there.
func (p *publication) surprising(o outcome) bool {
	known := p.s.answers[o.server.ID()]
	for num, values := range o.result.Data {
		if _, offered := o.shares[num]; offered || len(values) != 1 || bytes.HasPrefix(values[0], p.check) {
			continue
		}
		if known != nil && known.shares[num] != nil && bytes.HasPrefix(values[0], known.shares[num].check) {
			continue
		}
		return true
	}
	return false
}
