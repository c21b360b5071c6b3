package copier

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"tahoe/cmd/tahoe/internal/fetch"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/frontends/web/wapi"
)

// toLocal copies a file to a path of this machine.
func (c *copying) toLocal(ctx context.Context, it *item, path string) error {
	part := c.Tally.Part(it.size())
	defer part.Done()
	if it.onGrid() && !c.CapsOnly {
		return c.download(ctx, it, path, part)
	}
	n := int64(0)
	_, err := c.writer.Write(path, func(w io.Writer) (err error) {
		if it.onGrid() {
			n, err = io.Copy(w, strings.NewReader(it.node.ReadURI))
			return err
		}
		n, err = c.copyLocal(w, it, path, part.Reader)
		return err
	})
	if err == nil {
		c.done(Copied, it, n)
	}
	return err
}

func (c *copying) copyLocal(w io.Writer, it *item, path string, count func(io.Reader) io.Reader) (int64, error) {
	if there, err := os.Stat(path); err == nil && os.SameFile(there, it.info) {
		return 0, errors.New("it would be copied onto itself")
	}
	file, err := os.Open(it.local)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return copyAll(w, count(file))
}

func (c *copying) download(ctx context.Context, it *item, path string, part *tally.Part) error {
	fixed := !it.node.IsMutable()
	if fixed {
		done, err := c.downloadedBefore(path, it.node.ReadURI)
		if err != nil {
			return err
		}
		if done {
			c.done(Resumed, it, 0)
			return nil
		}
	}
	d := fetch.Download{
		Open: func(ctx context.Context, r wapi.Range) (*wapi.Body, error) {
			return c.Gateway.Get(ctx, it.node.URI(), r)
		},
		Size: func(_, have int64) { part.Add(have) },
		Read: part.Add,
	}
	n, err := c.fetch(ctx, d, path, it.size())
	if err != nil {
		return err
	}
	c.done(Copied, it, n)
	if !fixed || c.Journal == nil {
		return nil
	}
	return c.noteDownload(path, it.node.ReadURI)
}

// large is the size from which on a part of a file that came before an interruption is kept. To look for such a part takes a look at the
// whole directory, which small files are not worth.
const large = 64 << 20

func (c *copying) fetch(ctx context.Context, d fetch.Download, path string, size int64) (n int64, err error) {
	if size >= large {
		return d.ToFile(ctx, path)
	}
	_, err = c.writer.Write(path, func(w io.Writer) (err error) {
		n, err = d.To(ctx, w)
		return err
	})
	return n, err
}

const copyBlock = 256 << 10

// copyAll copies in large blocks; an *os.File would choose small ones.
func copyAll(w io.Writer, r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, copyBlock))
}
