package introducer

import (
	"context"
	"fmt"
)

// wakeAll has the subscribers of a service told what is new; "" is all services. s.mu is held.
func (s *Server) wakeAll(service string) {
	for sub := range s.subscribers {
		if service == "" || sub.service == service {
			s.wake(sub)
		}
	}
}

// wake has a subscriber told what is new, if there is something and nobody is at it. s.mu is held.
func (s *Server) wake(sub *subscription) {
	if s.work == nil || sub.busy || sub.gone {
		return
	}
	sub.busy = true
	work := s.work
	s.sending.Go(func() { s.send(work, sub) })
}

// send tells a subscriber what it has not been told, batch by batch, until there is nothing more. One that does not take a
// batch in time is dropped, and its connection cut.
func (s *Server) send(ctx context.Context, sub *subscription) {
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.gate }()
	for {
		batch := s.next(sub)
		if len(batch) == 0 {
			return
		}
		if err := s.announce(ctx, sub, batch); err != nil {
			s.drop(sub)
			if ctx.Err() == nil {
				s.c.Log.Info("subscriber dropped", "service", sub.service, "tub", sub.to.TubID(), "error", err)
				sub.to.Cut()
			}
			return
		}
	}
}

func (s *Server) announce(ctx context.Context, sub *subscription, batch []Signed) error {
	late := fmt.Errorf("it did not take %d announcements within %v", len(batch), s.c.Patience)
	ctx, cancel := context.WithTimeoutCause(ctx, s.c.Patience, late)
	defer cancel()
	err := sub.to.Announce(ctx, batch)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// next is the next batch for a subscriber. When there is none, the subscriber counts as idle from then on.
func (s *Server) next(sub *subscription) []Signed {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, seen := s.book.after(sub.seen, sub.service, batchCount, batchBytes)
	sub.seen = seen
	if len(entries) == 0 || sub.gone {
		sub.busy = false
		return nil
	}
	batch := make([]Signed, len(entries))
	for i, e := range entries {
		batch[i] = e.v.Signed()
	}
	s.counts.Sent += len(batch)
	return batch
}
