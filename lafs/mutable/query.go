package mutable

import (
	"bytes"
	"context"
	"errors"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// What is read of a share at first. All but the hash tree and blocks of an MDMF share is within lead, and so is a small file;
// the servers asked first are read further, because they will be the ones that give the file.
const (
	lead  = 4 << 10
	eager = 16 << 10
)

// maxHead is how far from the beginning of a share its public key and signature may lie. Until they are verified, the server alone
// says where, and could make a reader ask for any number of bytes.
const maxHead = 16 << 10

// errUnread is what is bad about a share of a version that is not known yet, when nobody wants to know it.
var errUnread = errors.New("another version")

// query asks one server for all its shares, and examines how they begin, size bytes of each. When shallow, it does not read more
// to verify a version that is not known.
func (o *op) query(ctx context.Context, server *grid.Server, size int64, shallow bool) *answer {
	a := &answer{server: server}
	got, err := o.readSlot(ctx, server, storage.Span{Size: size})
	if err != nil {
		a.err = err
		return a
	}
	a.shares = make(map[storage.ShareNum]*sighting, len(got))
	for num, values := range got {
		if len(values) != 1 {
			continue
		}
		b := values[0][:min(int64(len(values[0])), size)]
		x := &sighting{server: server, num: num, first: b, check: checkBytes(b)}
		x.bad = o.examine(ctx, x, int64(len(b)) < size, shallow)
		a.shares[num] = x
	}
	return a
}

func (o *op) readSlot(ctx context.Context, server *grid.Server, span storage.Span) (map[storage.ShareNum][][]byte, error) {
	return server.Storage().ReadSlot(ctx, o.f.key.index, nil, []storage.Span{span})
}

// checkBytes is the part of a share's beginning that tells its version, whether it makes sense or not.
func checkBytes(b []byte) []byte {
	if c, err := layout.ParseCheckstring(b); err == nil && c.Format == caps.MDMF {
		return b[:len(c.Encode())]
	}
	return b[:min(len(b), layout.MaxCheckstringSize)]
}

// examine verifies the head of a share. whole says that x.first is all there is of it. What is wrong with the share itself is a
// *grid.CorruptShareError; any other error is that of reading more of it.
func (o *op) examine(ctx context.Context, x *sighting, whole, shallow bool) error {
	o.mu.Lock()
	known, again := o.bad[x.id()]
	o.mu.Unlock()
	if again && known.check == string(x.check) {
		return known.err
	}
	err := o.examineHead(ctx, x)
	if _, ok := err.(needMore); ok && shallow {
		return errUnread
	}
	if need, ok := err.(needMore); ok && !whole {
		got, rerr := o.readSpans(ctx, x, storage.Span{Size: int64(need)})
		if rerr != nil {
			return rerr
		}
		x.first, x.check = got[0], checkBytes(got[0]) // of one moment, which may be a later one
		err = o.examineHead(ctx, x)
	}
	if need, ok := err.(needMore); ok {
		err = &layout.CorruptError{Part: layout.PartHeader, Reason: need.Error()}
	}
	if c, ok := errors.AsType[*layout.CorruptError](err); ok {
		return o.corrupt(x.server, x.num, x.check, c)
	}
	return err
}

// needMore is the error of a share of which so many bytes have to be read.
type needMore int64

func (needMore) Error() string { return "the share ends in front of its public key or signature" }

func (o *op) examineHead(ctx context.Context, x *sighting) error {
	h, err := layout.ParseHeader(x.first)
	if err != nil {
		return err
	}
	if int(x.num) >= h.Total {
		return &layout.CorruptError{Part: layout.PartHeader, Reason: "it makes fewer shares than this one's number"}
	}
	if !o.isCertified(h.Prefix) {
		if err := o.certify(ctx, h, x.first); err != nil {
			return err
		}
	}
	x.head = h
	return nil
}

func (o *op) isCertified(p layout.Prefix) bool {
	if o.p.certified(p) {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.certified[p]
}

// certify checks the signature of a header, and before that the public key, unless that is known.
func (o *op) certify(ctx context.Context, h layout.Header, b []byte) error {
	key, signature := h.Span(layout.PartPublicKey), h.Span(layout.PartSignature)
	switch need := max(key.End(), signature.End()); {
	case need > maxHead:
		return &layout.CorruptError{Part: layout.PartHeader, Reason: "it places the public key or the signature too far away"}
	case need > int64(len(b)):
		return needMore(need)
	}
	var err error
	if perr := o.m.c.Pool.Do(ctx, func() {
		public := o.p.publicKey()
		if public == nil {
			if public, err = layout.ParsePublicKey(bytes.Clone(b[key.Offset:key.End()]), o.f.key.fingerprint); err != nil {
				return
			}
			o.p.learnPublic(public)
		}
		err = public.Verify(h.Prefix, b[signature.Offset:signature.End()])
	}); perr != nil {
		return perr
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.certified[h.Prefix] = true
	o.mu.Unlock()
	o.p.saw(h.Prefix)
	return nil
}

// prefixNow says whether a share still begins with the prefix that was seen. What does not verify then is corrupt, rather
// than changed meanwhile: versions do not come back.
func (o *op) prefixNow(ctx context.Context, x *sighting) (same bool, err error) {
	fresh := &sighting{server: x.server, num: x.num}
	got, err := o.readSpans(ctx, fresh, storage.Span{Size: layout.MaxHeaderSize})
	if err != nil {
		return false, err
	}
	p, err := layout.ParsePrefix(got[0])
	return err == nil && p == x.head.Prefix, nil
}
