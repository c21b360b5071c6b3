package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/frontends/web/uploads"
	"tahoe/reactor"
)

const (
	// lookTime is how often the node looks whether something is to be done about uploads.
	lookTime = 30 * time.Second
	// longestPause is between two attempts to bring the same upload to the grid.
	longestPause = time.Hour
	// mostAgain is how many uploads may be on their way to the grid for the node to begin another by itself.
	mostAgain = 4
)

// storings are uploads of which all bytes have come, on their way to the grid. They go on when their clients are gone.
type storings struct {
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	bell *bell // is rung when one is over

	mu   sync.Mutex
	jobs map[*uploads.Upload]*storing
}

// A storing is one of them. Its error is fixed when done is closed.
type storing struct {
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
	transfer atomic.Pointer[transfer]
}

func newStorings(over *bell) *storings {
	ctx, stop := context.WithCancel(context.Background())
	return &storings{ctx: ctx, stop: stop, bell: over, jobs: map[*uploads.Upload]*storing{}}
}

// close breaks off all, and waits for them. They go on when the node starts again.
func (l *storings) close() {
	l.mu.Lock()
	l.stop()
	l.mu.Unlock()
	l.wg.Wait()
}

// of is what goes on with an upload, or nil.
func (l *storings) of(u *uploads.Upload) *storing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.jobs[u]
}

func (l *storings) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.jobs)
}

// start begins to store an upload, unless that goes on already.
func (l *storings) start(u *uploads.Upload, work func(context.Context, *storing) error) (*storing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if job := l.jobs[u]; job != nil {
		return job, nil
	}
	if l.ctx.Err() != nil {
		return nil, reactor.ErrStopping
	}
	ctx, cancel := context.WithCancel(l.ctx)
	job := &storing{cancel: cancel, done: make(chan struct{})}
	l.jobs[u] = job
	l.wg.Go(func() {
		defer cancel()
		job.err = work(ctx, job)
		l.mu.Lock()
		delete(l.jobs, u)
		l.mu.Unlock()
		close(job.done)
		l.bell.ring()
	})
	return job, nil
}

// storeUpload brings an upload to the grid, and waits for that as long as the request lasts. v is who sends it; nil: it is nobody's.
func (s *Server) storeUpload(ctx context.Context, u *uploads.Upload, v *visit) error {
	job, err := s.startStoring(u, v)
	if err != nil {
		return err
	}
	select {
	case <-job.done:
		return uploadProblem(job.err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Server) startStoring(u *uploads.Upload, v *visit) (*storing, error) {
	work := func(ctx context.Context, job *storing) error { return s.carryOut(ctx, u, job.transfer.Store) }
	if v != nil {
		work = func(ctx context.Context, _ *storing) error { return s.carryHome(ctx, u, v.account) }
	}
	return s.storings.start(u, func(ctx context.Context, job *storing) error {
		return s.storeInTurn(ctx, u, func(ctx context.Context) error { return work(ctx, job) })
	})
}

// storeInTurn brings an upload to the grid. What a stop breaks off is no failure: it goes on when the node starts again.
func (s *Server) storeInTurn(ctx context.Context, u *uploads.Upload, store func(context.Context) error) error {
	release, err := u.Take(ctx, nil)
	if err != nil {
		return s.storings.stopped(err)
	}
	defer release()
	if _, err := s.c.Uploads.Get(u.ID()); err != nil || u.Status().Done {
		return err
	}
	u.SetFailure(nil)
	err = store(ctx)
	if err == nil {
		err = u.SetDone()
	}
	if err != nil && ctx.Err() != nil {
		return s.storings.stopped(err)
	}
	if err != nil {
		u.SetFailure(err)
		s.c.Log.Warn("an upload that has come could not be stored; its bytes are kept", "err", problemOf(err).text)
	}
	return err
}

// stopped says why a storing was broken off.
func (l *storings) stopped(err error) error {
	if l.ctx.Err() != nil {
		return reactor.ErrStopping
	}
	return errors.Join(uploads.ErrUnknown, err) // somebody has ended the upload
}

// keepStoring looks after uploads until Close: those that have expired are removed, and those of which all bytes have come go to the grid,
// also after a restart, and when the grid did not take them before and would take them now.
func (s *Server) keepStoring() {
	if s.c.Uploads == nil {
		return
	}
	loop := reactor.NewLoop(lookTime, func(context.Context) error {
		s.lookAfterUploads()
		return nil
	}, reactor.LoopConfig{Clock: s.c.Clock, AtOnce: true})
	s.storings.wg.Go(func() { _ = loop.Run(s.storings.ctx, func() {}) }) // its work cannot fail
}

func (s *Server) lookAfterUploads() {
	s.c.Uploads.Sweep()
	if !outlookOf(s.grid.Statuses(), s.c.Encoding).CanPut {
		return
	}
	for _, u := range s.c.Uploads.All() {
		if s.storings.count() >= mostAgain {
			return
		}
		if u.Owner() != "" || !isDue(u.Status(), s.c.Clock.Now()) { // nobody's files are changed who is not there
			continue
		}
		if _, err := s.startStoring(u, nil); err != nil {
			return // the node is stopping
		}
	}
}

// isDue says whether the node itself should bring an upload to the grid now: less and less often when that fails, and never when it was the
// client's fault.
func isDue(st uploads.Status, now time.Time) bool {
	switch {
	case st.Done || !st.Complete():
		return false
	case st.Failure == nil:
		return true
	}
	pause := min(lookTime<<min(st.Failures, 10), longestPause)
	return problemOf(st.Failure).status >= http.StatusInternalServerError && !now.Before(st.Failed.Add(pause))
}
