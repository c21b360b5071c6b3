package mutable_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// inFakeTime runs f with a world in which nothing takes time but waiting.
func inFakeTime(t *testing.T, servers int, f func(t *testing.T, w *world)) {
	theKey()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, servers)) })
}

func wantWithin(t *testing.T, begin time.Time, d time.Duration) {
	t.Helper()
	if took := time.Since(begin); took > d {
		t.Errorf("it took %v, want at most %v", took, d)
	}
}

// order are the numbers of the servers in the order in which they are asked for a file.
func (w *world) order(f *mutable.File) []int {
	w.t.Helper()
	s, err := f.Map(w.t.Context(), mutable.ModeCheck)
	must(w.t, err)
	var out []int
	for _, a := range s.Answers() {
		var n int
		_, err := fmt.Sscanf(a.Server, "server-%d", &n)
		must(w.t, err)
		out = append(out, n)
	}
	return out
}

// A read does not wait for servers that hang, while others answer.
func TestReadAmongHungServers(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		for hung := range 8 {
			t.Run(fmt.Sprint(f, hung), func(t *testing.T) {
				inFakeTime(t, 10, func(t *testing.T, w *world) {
					want := random(1, 300_000)
					file := w.create(w.files(), f, want)
					for _, i := range w.order(file)[:hung] {
						w.faulty[i].Add(storagetest.HangAll(storagetest.OpReadSlot))
					}
					begin := time.Now()
					wantContents(t, w.same(w.files(), file), want)
					limit := time.Second
					if hung > 4 { // fewer than 2k are left
						limit = mutable.DefaultHedge + time.Second
					}
					wantWithin(t, begin, limit)
				})
			})
		}
	}
}

// A server that answers when it is asked what it has, and hangs when it is to give it, is replaced.
func TestReadFromServersThatStop(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		want := random(1, 4<<20)
		file := w.create(w.files(), caps.MDMF, want)
		for _, i := range w.order(file)[:7] {
			w.faulty[i].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpReadSlot, From: w.faulty[i].Count(storagetest.OpReadSlot) + 3}, Effect: storagetest.Hang()})
		}
		begin := time.Now()
		wantContents(t, w.same(w.files(), file), want)
		wantWithin(t, begin, 40*time.Second)
	})
}

// Few enough servers that the file can be rebuilt at all are found, wherever they are; with one less the error says what there is.
func TestReadWithFewServers(t *testing.T) {
	inFakeTime(t, 20, func(t *testing.T, w *world) {
		file := w.create(w.files(encoding(3, 20)), caps.SDMF, []byte("contents"))
		order := w.order(file)
		for _, i := range order[:17] {
			w.faulty[i].Stop()
		}
		wantContents(t, w.same(w.files(), file), []byte("contents"))
		w.faulty[order[19]].Stop()
		_, err := w.same(w.files(), file).Read(t.Context(), 0, 100, io.Discard)
		short, ok := errors.AsType[*mutable.NotEnoughSharesError](err)
		if !ok || short.Have != 2 || short.Need != 3 || len(short.Asked) != 20 || !errors.Is(err, storagetest.ErrFault) {
			t.Errorf("got %v", err)
		}
	})
}

// Whichever byte of a share is wrong: what is read is right, nobody else is blamed, and the next write replaces the share.
func TestFlippedBits(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		t.Run(f.String(), func(t *testing.T) {
			inFakeTime(t, 5, func(t *testing.T, w *world) {
				want := random(1, 1000)
				file := w.create(w.files(encoding(3, 5)), f, want)
				victim := w.order(file)[0]
				num := w.mems[victim].Shares(index(file))[0]
				good := w.mems[victim].Bytes(index(file), num)
				for at := int64(0); at < int64(len(good)); at += 1 + at/128*7 {
					w.mems[victim].FlipBit(index(file), num, at)
					wantContents(t, w.same(w.files(), file), want)
					w.mems[victim].Edit(index(file), num, func([]byte) []byte { return bytes.Clone(good) })
				}
				for i, m := range w.mems {
					for _, a := range m.Advisories() {
						if i != victim || a.Share != num || a.Kind != storage.KindMutable {
							t.Errorf("server %d was advised of %+v", i, a)
						}
					}
				}
				if len(w.mems[victim].Advisories()) < 100 {
					t.Errorf("got %d advisories only", len(w.mems[victim].Advisories()))
				}
			})
		})
	}
}

// The parts of a share by an offset within each, and what the error says of it.
func TestCorruptPartsAreNamed(t *testing.T) {
	inFakeTime(t, 5, func(t *testing.T, w *world) {
		file := w.create(w.files(encoding(3, 5)), caps.SDMF, random(1, 1000))
		for part, at := range map[string]int64{"header": 0, "signature": 10} {
			w.mems[2].FlipBit(index(file), w.mems[2].Shares(index(file))[0], at)
			s, err := w.same(w.files(), file).Map(t.Context(), mutable.ModeCheck)
			must(t, err)
			bad := s.Bad()
			if len(bad) != 1 || bad[0].Part != part || bad[0].Server != "server-2" || bad[0].Index != index(file) || !strings.Contains(bad[0].Error(), part) {
				t.Errorf("%s: got %v", part, bad)
			}
			w.mems[2].FlipBit(index(file), w.mems[2].Shares(index(file))[0], at)
		}
	})
}

func TestWriteReplacesCorruptShares(t *testing.T) {
	for _, at := range []int64{0, 5, 20, 60, 150, 500, 2000} {
		inFakeTime(t, 10, func(t *testing.T, w *world) {
			file := w.create(w.files(), caps.SDMF, random(1, 1000))
			for i := range 4 {
				w.mems[i].FlipBit(index(file), w.mems[i].Shares(index(file))[0], at)
			}
			v, err := w.same(w.files(), file).Modify(t.Context(), 10_000, func(old []byte) ([]byte, error) { return append(old, 'x'), nil })
			must(t, err)
			if got := w.audit(file); got[v.Seqnum] != 10 || len(got) != 1 {
				t.Errorf("bit at %d: got shares %v", at, got)
			}
		})
	}
}

// Shares that are cut off, or of another file, or no shares at all.
func TestStrangeShares(t *testing.T) {
	for name, edit := range map[string]func([]byte) []byte{
		"empty":    func([]byte) []byte { return []byte{} },
		"short":    func(b []byte) []byte { return b[:50] },
		"cut":      func(b []byte) []byte { return b[:len(b)/2] },
		"zero":     func(b []byte) []byte { return make([]byte, len(b)) },
		"noise":    func(b []byte) []byte { return random(9, len(b)) },
		"version":  func(b []byte) []byte { b[0] = 7; return b },
		"enormous": func(b []byte) []byte { copy(b[59:], bytes.Repeat([]byte{0x7f}, 16)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 6, func(t *testing.T, w *world) {
				want := random(1, 5000)
				file := w.create(w.files(encoding(3, 6)), caps.SDMF, want)
				for _, i := range w.order(file)[:3] {
					w.mems[i].Edit(index(file), w.mems[i].Shares(index(file))[0], edit)
				}
				wantContents(t, w.same(w.files(), file), want)
				v, err := w.same(w.files(), file).Overwrite(t.Context(), strings.NewReader("new"), 3)
				must(t, err)
				if got := w.audit(file); got[v.Seqnum] != 6 {
					t.Errorf("got shares %v", got)
				}
			})
		})
	}
}

// What a node has seen is not rolled back by the servers that it asks first.
func TestRollback(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		m := w.files(func(c *mutable.Config) { c.Remember = -1 })
		file := w.create(m, caps.SDMF, []byte("old"))
		order := w.order(file)
		type copyOf struct {
			server int
			bytes  []byte
		}
		var old []copyOf
		for _, i := range order[:7] {
			old = append(old, copyOf{i, w.mems[i].Bytes(index(file), w.mems[i].Shares(index(file))[0])})
		}
		_, err := file.Overwrite(t.Context(), strings.NewReader("new"), 3)
		must(t, err)
		for _, c := range old {
			w.mems[c.server].Edit(index(file), w.mems[c.server].Shares(index(file))[0], func([]byte) []byte { return c.bytes })
		}
		wantContents(t, file, []byte("new"))
		// Somebody who never saw it cannot know; but a writer asks them all.
		v, err := w.same(w.files(), file).Modify(t.Context(), 100, func(old []byte) ([]byte, error) { return append(old, "er"...), nil })
		must(t, err)
		wantContents(t, w.same(w.files(), file), []byte("newer"))
		if got := w.audit(file); got[v.Seqnum] != 10 {
			t.Errorf("got shares %v", got)
		}
	})
}

// A newer version of which there are too few shares is reported, and does not keep the older one from being read.
func TestNewerVersionThatIsLost(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, []byte("old"))
		for i := range 8 {
			w.faulty[i].Add(storagetest.FailAll(storagetest.OpTestAndWrite, storage.ErrNoSpace))
		}
		_, err := file.Overwrite(t.Context(), strings.NewReader("new"), 3)
		e, ok := errors.AsType[*mutable.WriteError](err)
		if !ok || e.Placed != 2 || e.Need != 3 || !e.MayRemain || !errors.Is(err, storage.ErrNoSpace) {
			t.Errorf("got %v", err)
		}
		other := w.same(w.files(), file)
		wantContents(t, other, []byte("old"))
		s, err := other.Map(t.Context(), mutable.ModeCheck)
		must(t, err)
		if n := s.Newer(); len(n) != 1 || n[0].Version.Seqnum != e.Version.Seqnum || len(n[0].Shares) != 2 || n[0].Recoverable() {
			t.Errorf("got %v", n)
		}
		for _, f := range w.faulty {
			f.Clear()
		}
		v, err := other.Overwrite(t.Context(), strings.NewReader("newest"), 6)
		must(t, err)
		if got := w.audit(file); got[v.Seqnum] != 10 || v.Seqnum <= e.Version.Seqnum {
			t.Errorf("got shares %v of version %v", got, v)
		}
	})
}

// Where nobody has room nothing is written, and the error says so.
func TestWriteNowhere(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, []byte("old"))
		for i := range w.faulty {
			w.faulty[i].Add(storagetest.FailAll(storagetest.OpTestAndWrite, storage.ErrNoSpace))
		}
		for _, f := range []*mutable.File{file, w.same(w.files(), file)} {
			_, err := f.Overwrite(t.Context(), strings.NewReader("new"), 3)
			e, ok := errors.AsType[*mutable.WriteError](err)
			if !ok || e.Placed != 0 || e.MayRemain || !strings.Contains(err.Error(), "nothing was written") {
				t.Errorf("got %v", err)
			}
		}
		wantContents(t, file, []byte("old"))
	})
}

// Shares for servers that are full, away or hang go to others, wherever in the order those stand.
func TestCreateAmongBadServers(t *testing.T) {
	key, err := layout.NewPrivateKey(theKey())
	must(t, err)
	i := key.Cap(caps.SDMF).Index()
	bad := []func(*storagetest.Faulty){
		func(f *storagetest.Faulty) { f.Add(storagetest.HangAll(storagetest.OpTestAndWrite)) },
		func(f *storagetest.Faulty) {
			f.Add(storagetest.FailAll(storagetest.OpTestAndWrite, storage.ErrNoSpace))
		},
		func(f *storagetest.Faulty) { f.Stop() },
	}
	for first := range 14 {
		for turn := range bad {
			t.Run(fmt.Sprint(first, turn), func(t *testing.T) {
				inFakeTime(t, 14, func(t *testing.T, w *world) {
					order := grid.Fixed(w.servers...).Permuted(i)
					for n := range bad {
						at := slices.Index(w.servers, order[(first+n)%len(order)])
						bad[(turn+n)%len(bad)](w.faulty[at])
					}
					begin := time.Now()
					file := w.create(w.files(), caps.SDMF, []byte("contents"))
					wantWithin(t, begin, 2*mutable.DefaultHedge)
					if got := w.audit(file); got[1] != 10 || len(w.holders(file)) != 10 {
						t.Errorf("got shares %v on servers %v", got, w.holders(file))
					}
				})
			})
		}
	}
}

// A writer waits for servers that have shares, for a time that is stated.
func TestWriteAmongHungServers(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, []byte("old"))
		for i := range 3 {
			w.faulty[i].Add(storagetest.HangAll(storagetest.OpAny))
		}
		begin := time.Now()
		v, err := file.Overwrite(t.Context(), strings.NewReader("new"), 3)
		must(t, err)
		wantWithin(t, begin, mutable.DefaultWriteTimeout+mutable.DefaultHedge+time.Second)
		if got := w.audit(file); got[v.Seqnum] != 7 || got[1] != 3 {
			t.Errorf("got shares %v", got)
		}
		for _, f := range w.faulty {
			f.Clear()
		}
		v, err = file.Overwrite(t.Context(), strings.NewReader("newer"), 5)
		must(t, err)
		if got := w.audit(file); got[v.Seqnum] != 10 || len(got) != 1 {
			t.Errorf("got shares %v: not all have been updated", got)
		}
	})
}

// A write that is cut short gives the servers a moment, and then says that it may have happened.
func TestWriteCutShort(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, []byte("old"))
		for i := range 9 {
			w.faulty[i].Add(storagetest.HangAll(storagetest.OpTestAndWrite))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := file.Overwrite(ctx, strings.NewReader("new"), 3)
		wantWithin(t, begin, mutable.DefaultHedge+2*time.Second)
		if e, ok := errors.AsType[*mutable.WriteError](err); !ok || !e.MayRemain || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// before calls hook before each write, with its number.
type before struct {
	storage.Server
	writes atomic.Int32
	hook   func(n int)
}

func (b *before) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	b.hook(int(b.writes.Add(1)))
	return b.Server.TestAndWrite(ctx, i, w)
}

// inBetween is a gateway before whose publishes hook is called, once for each, when it has asked what there is and nothing is
// written yet.
func (w *world) inBetween(publishes int, hook func(n int)) *mutable.Files {
	once := make([]sync.Once, publishes)
	w2 := &world{t: w.t}
	for i, f := range w.faulty {
		b := &before{Server: f, hook: func(n int) {
			if n <= publishes {
				once[n-1].Do(func() { hook(n) })
			}
		}}
		w2.servers = append(w2.servers, serverOf(w.t, i, b))
	}
	return w2.files()
}

// Another writer in between is noticed. Overwrite says so; Modify waits and begins again, and both changes are there.
func TestWritersMeet(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		t.Run(f.String(), func(t *testing.T) {
			inFakeTime(t, 10, func(t *testing.T, w *world) {
				file := w.create(w.files(), f, []byte("a"))
				rival := w.same(w.files(), file)
				add := func(text string) func([]byte) ([]byte, error) {
					return func(old []byte) ([]byte, error) {
						if bytes.Contains(old, []byte(text)) {
							return nil, mutable.ErrUnchanged
						}
						return append(old, text...), nil
					}
				}
				m := w.inBetween(1, func(int) {
					if _, err := rival.Modify(t.Context(), 100, add("b")); err != nil {
						t.Error(err)
					}
				})
				begin := time.Now()
				_, err := w.same(m, file).Modify(t.Context(), 100, add("c"))
				must(t, err)
				if took := time.Since(begin); took < time.Second || took > 12*time.Second {
					t.Errorf("it waited %v", took)
				}
				got, _ := readAll(t, w.same(w.files(), file))
				if len(got) != 3 || !bytes.ContainsAny(got, "b") || !bytes.ContainsAny(got, "c") {
					t.Errorf("got %q", got)
				}
				w.audit(file)
			})
		})
	}
}

func TestOverwriteMeetsAnother(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, []byte("a"))
		rival := w.same(w.files(), file)
		m := w.inBetween(1, func(int) {
			if _, err := rival.Overwrite(t.Context(), strings.NewReader("theirs"), 6); err != nil {
				t.Error(err)
			}
		})
		_, err := w.same(m, file).Overwrite(t.Context(), strings.NewReader("ours"), 4)
		e, ok := errors.AsType[*mutable.UncoordinatedWriteError](err)
		if !ok || !errors.Is(err, mutable.ErrUncoordinated) || e.MayRemain || e.Placed > 0 || len(e.Surprised) != 10 {
			t.Errorf("got %v", err)
		}
		wantContents(t, file, []byte("theirs"))
	})
}

// Modify gives up when others are faster every time.
func TestModifyGivesUp(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, nil)
		rival := w.same(w.files(), file)
		rivals, edits := 0, 0
		m := w.inBetween(100, func(n int) {
			rivals++
			if _, err := rival.Overwrite(t.Context(), strings.NewReader(fmt.Sprint(n)), -1); err != nil {
				t.Error(err)
			}
		})
		begin := time.Now()
		_, err := w.same(m, file).Modify(t.Context(), 100, func(old []byte) ([]byte, error) { edits++; return append(old, 'x'), nil })
		if !errors.Is(err, mutable.ErrUncoordinated) || rivals != 4 || edits > 4 {
			t.Errorf("got %v after %d rivals and %d edits", err, rivals, edits)
		}
		// e, e², e³ seconds, with jitter, and a moment for each version that arrives
		if took := time.Since(begin); took < 15*time.Second || took > 70*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A gateway whose memory is old overwrites all the same: nobody writes at the same time.
func TestMemoryThatIsOld(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		a := w.create(w.files(), caps.SDMF, []byte("a"))
		b := w.same(w.files(), a)
		for i := range 5 {
			for _, f := range []*mutable.File{a, b} {
				begin := time.Now()
				_, err := f.Overwrite(t.Context(), strings.NewReader(fmt.Sprint(i)), -1)
				must(t, err)
				wantWithin(t, begin, time.Second)
			}
		}
		if got := w.audit(a); len(got) != 1 {
			t.Errorf("got shares %v", got)
		}
	})
}

// A file that is replaced while it is read says so, and nothing of the new version is mixed in.
func TestReadWhileItIsReplaced(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		want := random(1, 6<<20)
		file := w.create(w.files(), caps.MDMF, want)
		rival := w.same(w.files(), file)
		got := &replacing{replace: func() {
			_, err := rival.Overwrite(t.Context(), bytes.NewReader(random(2, 6<<20)), 6<<20)
			must(t, err)
		}}
		_, err := file.Read(t.Context(), 0, 6<<20, got)
		if !errors.Is(err, mutable.ErrChanged) {
			t.Errorf("got %v", err)
		}
		if !bytes.HasPrefix(want, got.Bytes()) || got.Len() == 0 {
			t.Errorf("got %d bytes that are not what the file began with", got.Len())
		}
		for _, m := range w.mems {
			if a := m.Advisories(); len(a) > 0 {
				t.Errorf("a server was blamed: %+v", a)
			}
		}
	})
}

type replacing struct {
	bytes.Buffer
	replace func()
}

func (r *replacing) Write(b []byte) (int, error) {
	if r.Len() == 0 {
		r.replace()
	}
	return r.Buffer.Write(b)
}

// The private key in a share may be wrong: another share's is right.
func TestCorruptPrivateKey(t *testing.T) {
	inFakeTime(t, 5, func(t *testing.T, w *world) {
		file := w.create(w.files(encoding(2, 5)), caps.SDMF, []byte("contents"))
		for _, i := range w.order(file)[:4] {
			num := w.mems[i].Shares(index(file))[0]
			h, err := layout.ParseHeader(w.mems[i].Bytes(index(file), num))
			must(t, err)
			w.mems[i].FlipBit(index(file), num, h.Span(layout.PartPrivateKey).Offset+7)
		}
		_, err := w.same(w.files(), file).Overwrite(t.Context(), strings.NewReader("new"), 3)
		must(t, err)
		wantContents(t, file, []byte("new"))
		w.audit(file)
	})
}

// A capability may be put together of two: of the write key of one file, and the public key of another that is found there. Then
// nothing is written that no reader would accept.
func TestKeysOfTwoFiles(t *testing.T) {
	inFakeTime(t, 5, func(t *testing.T, w *world) {
		file := w.create(w.files(encoding(2, 5)), caps.SDMF, []byte("contents"))
		fresh, err := rsa.GenerateKey(rand.Reader, layout.KeyBits)
		must(t, err)
		other, err := layout.NewPrivateKey(fresh)
		must(t, err)
		mixed := caps.NewMutableWrite(caps.SDMF, other.WriteKey(), file.Cap().(caps.MutableWrite).Fingerprint())
		for i, m := range w.mems {
			for _, n := range m.Shares(index(file)) {
				b := m.Bytes(index(file), n)
				h, parts, err := layout.ReadParts(bytes.NewReader(b))
				must(t, err)
				parts.PrivateKey = other.Encrypted()
				span := h.Span(layout.PartData)
				share, err := parts.Pack(bytes.NewReader(b[span.Offset:span.End()]))
				must(t, err)
				_, err = m.TestAndWrite(t.Context(), mixed.Index(), storage.SlotWrite{
					WriteEnabler: taghash.WriteEnabler(mixed.Key(), w.servers[i].TubID()),
					Shares:       map[storage.ShareNum]storage.ShareWrite{n: {Writes: []storage.Write{{Data: share}}}},
				})
				must(t, err)
			}
		}
		f, err := w.files().Open(mixed)
		must(t, err)
		if _, err := f.Overwrite(t.Context(), strings.NewReader("new"), 3); err == nil || !strings.Contains(err.Error(), "does not belong to the public key") {
			t.Errorf("got %v", err)
		}
		if _, err := f.Stat(t.Context()); err != nil {
			t.Errorf("the shares are no good any more: %v", err)
		}
	})
}

// A header that is not verified yet does not make a reader ask for more than a header can need.
func TestHeaderThatPointsFarAway(t *testing.T) {
	w := newWorld(t, 1)
	file := w.create(w.files(encoding(1, 1)), caps.MDMF, random(1, 1<<20))
	w.mems[0].Edit(index(file), 0, func(b []byte) []byte {
		for at := 59; at < 123; at += 8 { // all offsets
			binary.BigEndian.PutUint64(b[at:], binary.BigEndian.Uint64(b[at:])+1<<19)
		}
		return b
	})
	read := w.metered()
	s, err := w.same(w.files(), file).Map(t.Context(), mutable.ModeCheck)
	must(t, err)
	if bad := s.Bad(); len(bad) != 1 || bad[0].Part != "header" {
		t.Errorf("got %v", bad)
	}
	if n := read(); n > 16<<10 {
		t.Errorf("read %d bytes", n)
	}
}
