package copier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"tahoe/cmd/tahoe/internal/localfile"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/frontends/web/wapi"
)

// toFile copies one file to a name of its own.
func (c *copying) toFile(ctx context.Context, it, end *item, to Place) error {
	c.Tally.Find(1, it.size())
	c.Tally.Found()
	switch {
	case to.Local != "":
		return c.toLocal(ctx, it, to.Local)
	case end != nil && end.node.Kind != wapi.KindFile:
		return fmt.Errorf("'%s' is not a file on the grid, and a file cannot take its place", to.Arg)
	case end != nil && len(to.On.Path) == 0 && !end.node.IsMutable():
		return fmt.Errorf("'%s' cannot change: name a file in a directory", to.Arg)
	case it.linkable() && (end == nil || !end.node.IsMutable()):
		if err := c.Gateway.PutURI(ctx, to.On.Root, to.On.Path, it.node.ReadURI, wapi.ReplaceOnlyFiles); err != nil {
			return err
		}
		c.Tally.Do(1, it.size())
		c.done(Linked, it, 0)
		return nil
	}
	return c.overwrite(ctx, it, to.On.Root, to.On.Path)
}

// linkable says whether another name for it is as good as a copy.
func (it *item) linkable() bool { return it.onGrid() && !it.node.IsMutable() }

// overwrite stores a file at a place on the grid.
func (c *copying) overwrite(ctx context.Context, it *item, capability string, path []string) error {
	s, err := c.send(ctx, it, func(src io.Reader, size int64) error {
		_, _, err := c.Gateway.PutAt(ctx, capability, path, src, size, wapi.PutOptions{})
		return err
	})
	if err == nil {
		c.done(Copied, it, s.bytes)
	}
	return err
}

// toGrid sees to it that a file is on the grid as one that cannot change, and says how and what is its capability.
func (c *copying) toGrid(ctx context.Context, it *item) (capability, what string, bytes int64, err error) {
	if it.linkable() {
		c.Tally.Do(1, it.size())
		return it.node.ReadURI, Linked, 0, nil
	}
	if !it.onGrid() {
		known, ok, err := c.uploadedBefore(it.local)
		if ok || err != nil {
			c.Tally.Do(1, it.size())
			return known, Resumed, 0, err
		}
	}
	s, err := c.send(ctx, it, func(src io.Reader, size int64) (err error) {
		capability, _, err = c.Gateway.Put(ctx, src, size, wapi.PutOptions{})
		return err
	})
	if err == nil && !it.onGrid() {
		err = c.noteUpload(it.local, s.stamp, capability)
	}
	return capability, Copied, s.bytes, err
}

// sent is what was sent: how much, and of a local file the state that it had before and after.
type sent struct {
	bytes int64
	stamp localfile.Stamp
}

// send gives what is in a file to put.
func (c *copying) send(ctx context.Context, it *item, put func(src io.Reader, size int64) error) (sent, error) {
	part := c.Tally.Part(it.size())
	defer part.Done()
	if !it.onGrid() {
		return sendLocal(it.local, part, put)
	}
	body, err := c.Gateway.Get(ctx, it.node.URI(), wapi.Range{})
	if err != nil {
		return sent{}, err
	}
	defer body.Close()
	src := &counted{r: part.Reader(body)}
	err = put(src, body.Size)
	return sent{bytes: src.n}, err
}

// tries is how often a file is read that changes while it is read.
const tries = 3

var errChanging = errors.New("the file changed each time that it was read")

func sendLocal(path string, part *tally.Part, put func(src io.Reader, size int64) error) (sent, error) {
	for range tries {
		s, same, err := sendOnce(path, part, put)
		if same || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return s, err
		}
		part.Again()
	}
	return sent{}, errChanging
}

// sendOnce says whether the file was the same afterwards.
func sendOnce(path string, part *tally.Part, put func(src io.Reader, size int64) error) (s sent, same bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sent{}, false, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return sent{}, false, err
	}
	content, size, err := localfile.Content(file, before)
	if err != nil {
		return sent{}, false, err
	}
	src := &counted{r: part.Reader(content)}
	if err := put(src, size); err != nil {
		return sent{}, false, err
	}
	after, err := os.Stat(path)
	if err != nil {
		return sent{}, false, err
	}
	s = sent{src.n, localfile.StampOf(before)}
	return s, s.stamp == localfile.StampOf(after), nil
}

type counted struct {
	r io.Reader
	n int64
}

func (r *counted) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.n += int64(n)
	return n, err
}
