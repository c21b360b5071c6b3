package vfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"tahoe/caps"
)

// Run commits what has been closed, until ctx ends. What is under way then goes on at the next start.
func (f *FS) Run(ctx context.Context, ready func()) error {
	ready()
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	for ctx.Err() == nil {
		j, due, ever := f.take(ctx)
		if j != nil {
			work.Go(func() { f.attempt(j.ctx, j.job) })
			continue
		}
		timer, stop := sleepFor(f.clock, due.Sub(f.clock.Now()), ever)
		select {
		case <-f.wake:
		case <-timer:
		case <-ctx.Done():
		}
		stop()
	}
	return nil
}

type started struct {
	*job
	ctx context.Context
}

// take finds a job to work at, the oldest that is due, and marks it as running; or says when the next one is due.
func (f *FS) take(ctx context.Context) (s *started, due time.Time, ever bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	running := 0
	var first *job
	now := f.clock.Now()
	for _, j := range f.jobs {
		switch {
		case j.running:
			running++
		case j.next.After(now):
			if !ever || j.next.Before(due) {
				due, ever = j.next, true
			}
		case first == nil || j.id < first.id:
			first = j
		}
	}
	if first == nil || running >= f.c.Workers {
		return nil, due, ever && running < f.c.Workers
	}
	jobCtx, cancel := context.WithCancel(ctx)
	first.running, first.stop, first.idle = true, cancel, make(chan struct{})
	first.attempts++
	return &started{first, jobCtx}, due, ever
}

// attempt works at a job once.
func (f *FS) attempt(ctx context.Context, j *job) {
	err := f.guarded(ctx, j)
	if err != nil {
		_ = j.content.file.Rest() // it was only read; a file that waits shall cost nothing but its space
	}
	f.mu.Lock()
	stopped := ctx.Err() != nil // or cancelled: an error then says nothing of the grid
	j.stop()
	over := isOver(j)
	giveUp := err != nil && !stopped && j.once && !over
	j.running = giveUp // nobody else takes it
	close(j.idle)
	switch {
	case err == nil || over:
	case stopped:
		j.state = Queued
		j.attempts--
	case j.once:
	default:
		j.state, j.lastErr, j.next = Retrying, err, f.clock.Now().Add(backoff(j.attempts))
	}
	w := j.waiting()
	f.mu.Unlock()
	if err != nil && !stopped {
		f.log.LogAttrs(ctx, slog.LevelWarn, "a file could not be committed", slog.String("path", w.Path), slog.String("account", w.Account),
			slog.Int("attempt", w.Attempts), slog.String("reason", err.Error()))
	}
	if giveUp {
		f.giveUp(j, err)
	}
	if f.c.Notify != nil && !stopped {
		f.c.Notify(w)
	}
	f.poke()
}

// guarded lets a fault be an error of this attempt: it must not take the node down again and again.
func (f *FS) guarded(ctx context.Context, j *job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			f.log.Error("fault while a file was committed", "fault", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = errFault
		}
	}()
	return f.commit(ctx, j)
}

var errFault = errors.New("a fault in the node; it has been logged")

func isOver(j *job) bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// giveUp ends a job whose Close waits for it, and tells it why.
func (f *FS) giveUp(j *job, why error) {
	if err := j.content.file.Forget(); err != nil {
		f.mu.Lock()
		j.once, j.running, j.state, j.next = false, false, Retrying, f.clock.Now().Add(backoff(j.attempts)) // it would be found again: so it goes on
		f.mu.Unlock()
		return
	}
	f.over(j, why)
}

func (f *FS) enter(j *job, s State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j.state = s
}

// commit brings a file to the grid. Each step may be done again after a crash: an upload of the same bytes gives the same
// capability or one that nobody has, and a link is made with a capability once and for all.
func (f *FS) commit(ctx context.Context, j *job) error {
	f.mu.Lock()
	t, stored := j.target, j.stored
	f.mu.Unlock()
	if t.file != nil {
		return f.overwrite(ctx, j)
	}
	if stored == nil {
		if err := f.upload(ctx, j); err != nil {
			return err
		}
	}
	unlock, err := f.lockJob(ctx, j)
	if err != nil {
		return err
	}
	defer unlock()
	f.enter(j, Linking)
	if err := f.link(ctx, j); err != nil {
		return err
	}
	return f.finish(j)
}

// lockJob takes the lock of the place where the job is by then.
func (f *FS) lockJob(ctx context.Context, j *job) (unlock func(), err error) {
	return f.lockWhere(ctx, func() place { return j.place })
}

// largeUpload is from where on it pays to note that an upload is done, for a crash before the link.
const largeUpload = 4 << 20

func (f *FS) upload(ctx context.Context, j *job) error {
	if same := j.content.unchanged(); same != nil {
		f.mu.Lock()
		j.stored = same
		f.mu.Unlock()
		return nil
	}
	f.enter(j, Filling)
	src, err := j.content.fill(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	f.enter(j, Uploading)
	stored, err := f.c.Grid.Put(ctx, src, src.size)
	if err != nil {
		return err
	}
	f.mu.Lock()
	j.stored = stored
	f.mu.Unlock()
	if src.size < largeUpload {
		return nil
	}
	unlock, err := f.lockJob(ctx, j)
	if err != nil {
		return err
	}
	defer unlock()
	return f.keep(j, nil)
}

// overwrite puts a new content into a mutable file, and notes the attributes at its link.
func (f *FS) overwrite(ctx context.Context, j *job) error {
	f.enter(j, Filling)
	src, err := j.content.fill(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	unlock, err := f.lockJob(ctx, j)
	if err != nil {
		return err
	}
	defer unlock()
	f.enter(j, Uploading)
	if err := f.c.Grid.Overwrite(ctx, *j.target.file, src, src.size); err != nil {
		return err
	}
	if j.target.dir != nil {
		f.enter(j, Linking)
		if err := f.linkAttrs(ctx, j); err != nil && passes(err) {
			return err // what lasts, as a name that is gone or a directory that cannot be written, is no reason to overwrite again
		}
	}
	return f.finish(j)
}

func (f *FS) linkAttrs(ctx context.Context, j *job) error {
	old, ok, err := f.tree.child(ctx, j.target.dir, j.target.name)
	if err != nil {
		return err
	}
	if !ok {
		return fs.ErrNotExist
	}
	return f.setMetadata(ctx, j.target.dir, old, j.content.metadata(old))
}

func (f *FS) setMetadata(ctx context.Context, dir caps.Write, c Child, m metadata) error {
	c.Metadata = m.raw()
	if err := f.c.Grid.SetMetadata(ctx, dir, c.Name, c.Metadata); err != nil {
		return err
	}
	f.linked(dir, c)
	return nil
}

// link puts the file into its directory. A directory that has come to be there is not replaced: the file is put beside it.
func (f *FS) link(ctx context.Context, j *job) error {
	t := j.target
	if t.dir == nil {
		return nil
	}
	old, ok, err := f.tree.child(ctx, t.dir, t.name)
	if err != nil {
		return err
	}
	if !ok {
		old = Child{}
	}
	c := Child{Name: t.name, Cap: j.stored, Metadata: j.content.metadataFor(old, j.stored).raw()}
	err = f.c.Grid.Link(ctx, t.dir, c, true)
	if errors.Is(err, ErrIsDirectory) || errors.Is(err, fs.ErrExist) {
		c.Name = beside(t.name, j.closed)
		err = f.c.Grid.Link(ctx, t.dir, c, true)
	}
	if err != nil {
		return err
	}
	f.linked(t.dir, c)
	return nil
}

// beside is a name for what cannot have its own: the same at every attempt.
func beside(name string, closed time.Time) string {
	ext := path.Ext(name)
	return fmt.Sprintf("%s (a file, %s)%s", strings.TrimSuffix(name, ext), closed.UTC().Format("2006-01-02 15.04.05"), ext)
}

// finish ends a job that is on the grid. The lock of its place is held.
func (f *FS) finish(j *job) error {
	if err := j.content.file.Forget(); err != nil {
		return err // the next attempt, or the next start, links it again
	}
	f.mu.Lock()
	j.state, j.lastErr = Done, nil
	f.mu.Unlock()
	f.over(j, nil)
	return nil
}

// over takes a job away, which the journal does not know any more.
func (f *FS) over(j *job, result error) {
	f.mu.Lock()
	delete(f.jobs, j.id)
	f.arrived.Add(1)
	if n := j.node; n != nil {
		if n.job == j {
			n.job = nil
		}
		f.tidy(n)
	}
	j.result = result
	close(j.done)
	f.mu.Unlock()
	if result != nil || j.content.old > 0 {
		f.usage.less()
	}
	f.drop(j.content)
	f.poke()
}

// cancel ends a job that is no longer wanted, and waits until nobody works at it. After an error nobody works at it until resume. The lock of its place is held, so that it is
// not being linked.
func (f *FS) cancel(ctx context.Context, j *job) error {
	if err := f.still(ctx, j); err != nil {
		return err
	}
	if isOver(j) {
		return nil
	}
	if err := j.content.file.Forget(); err != nil {
		return asVFS(err)
	}
	f.over(j, fs.ErrNotExist)
	return nil
}

// resume lets a job that could not be cancelled go on.
func (f *FS) resume(j *job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-j.idle:
		j.running = false
	default: // somebody works at it still
	}
	f.poke()
}

// still waits until nobody works at a job, and sees to it that nobody begins.
func (f *FS) still(ctx context.Context, j *job) error {
	for {
		f.mu.Lock()
		select {
		case <-j.idle:
			if !isOver(j) {
				j.running = true // nobody takes it
			}
			f.mu.Unlock()
			return nil
		default:
		}
		j.stop()
		idle := j.idle
		f.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
