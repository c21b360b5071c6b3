package gbs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"tahoe/storage"
)

// Slot asks which mutable shares there are.
func (c *Client) Slot(ctx context.Context, i storage.Index) ([]storage.ShareNum, error) {
	return c.list(ctx, pathMutable, i)
}

// slotReads is how many spans ReadSlot asks for at once: the protocol has a request for each span of each share.
const slotReads = 8

// ReadSlot reads spans of mutable shares. Unlike other servers', its answer need not be of one moment.
func (c *Client) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) (map[storage.ShareNum][][]byte, error) {
	if err := storage.CheckSpans(spans...); err != nil {
		return nil, fmt.Errorf("reading shares of %s: %w", i.Abbrev(), err)
	}
	shares, err := c.toRead(ctx, i, shares, spans)
	if err != nil {
		return nil, err
	}
	a := slotAnswer{values: make(map[storage.ShareNum][][]byte, len(shares))}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(slotReads)
	for _, n := range shares {
		a.values[n] = make([][]byte, len(spans))
		for k, s := range spans {
			if s.Size == 0 {
				a.values[n][k] = []byte{}
				continue
			}
			values := a.values[n]
			g.Go(func() error {
				b, err := c.readAll(ctx, shareReader{c, pathMutable, i, n}, s)
				if isGone(err) {
					a.lose(n)
					return nil
				}
				values[k] = b
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return a.result(), nil
}

// toRead is which shares to read: those of wanted that may be there.
func (c *Client) toRead(ctx context.Context, i storage.Index, wanted []storage.ShareNum, spans []storage.Span) ([]storage.ShareNum, error) {
	if wanted != nil && slices.ContainsFunc(spans, func(s storage.Span) bool { return s.Size > 0 }) {
		return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(wanted))), func(n storage.ShareNum) bool { return !n.Valid() }), nil
	}
	held, err := c.Slot(ctx, i)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(held, func(n storage.ShareNum) bool { return wanted != nil && !slices.Contains(wanted, n) }), nil
}

// A slotAnswer gathers values. Each goroutine has elements of its own to fill; lost is for all of them.
type slotAnswer struct {
	values map[storage.ShareNum][][]byte

	mu   sync.Mutex
	lost []storage.ShareNum
}

func (a *slotAnswer) lose(n storage.ShareNum) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = append(a.lost, n)
}

func (a *slotAnswer) result() map[storage.ShareNum][][]byte {
	for _, n := range a.lost {
		delete(a.values, n)
	}
	return a.values
}

// readAll reads a span into memory, which is taken as the bytes come and not as the server says that they will.
func (c *Client) readAll(ctx context.Context, r shareReader, s storage.Span) ([]byte, error) {
	stream, err := r.Read(ctx, s)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return io.ReadAll(stream)
}

// TestAndWrite changes a slot in one request.
func (c *Client) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	k := newCall(http.MethodPost, indexPath(pathMutable, i, "/read-test-write"), "changing the slot of "+i.Abbrev(), http.StatusOK)
	body, err := encodeSlotWrite(w)
	if err != nil {
		return storage.SlotResult{}, fmt.Errorf("%s: %w", k.op, err)
	}
	enabler := w.WriteEnabler.Bytes()
	setLease(k.header, w.Lease)
	setSecret(k.header, kindEnabler, enabler[:])
	k.header.Set("Content-Type", mimeCBOR)
	k.size = body.size
	g := newGuard() // the data belong to the caller again when this returns
	defer g.with(func() { g.gone = true })
	k.getBody = func() (io.ReadCloser, error) { return io.NopCloser(guarded{&g, body.open()}), nil }
	k.body, _ = k.getBody()
	b, _, err := c.exchange(ctx, k, maxSlotAnswer)
	if err != nil {
		return storage.SlotResult{}, err
	}
	result, err := parseSlotResult(b, w.Reads)
	if err != nil {
		return storage.SlotResult{}, c.badAnswer(k.op, err)
	}
	return result, nil
}
