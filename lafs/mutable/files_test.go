package mutable_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// sizes are those around which something changes.
var sizes = []int{0, 1, 2, 3, 55, 1000, 131072 - 1, 131072, 131073, 131074, 2*131073 + 5, 1<<20 + 77}

func TestCreateAndRead(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		for _, e := range [][2]int{{1, 1}, {1, 4}, {2, 3}, {3, 10}, {71, 255}} {
			for _, size := range sizes {
				if e[1] > 200 && size > 1000 && size != 131074 || e != [2]int{3, 10} && size >= 1<<20 {
					continue // it would take long, and show nothing new
				}
				t.Run(fmt.Sprintf("%v %d-of-%d %d bytes", f, e[0], e[1], size), func(t *testing.T) {
					w := newWorld(t, 10)
					want := random(uint64(size), size)
					file := w.create(w.files(encoding(e[0], e[1])), f, want)
					if got := w.audit(file)[1]; got != e[1] {
						t.Errorf("got %d shares, want %d", got, e[1])
					}
					v := wantContents(t, w.same(w.files(), file), want)
					if v.Seqnum != 1 || v.Format != f || v.Needed != e[0] || v.Total != e[1] {
						t.Errorf("got version %+v", v)
					}
					b, v2, err := w.same(w.files(), file).Contents(t.Context(), int64(size))
					must(t, err)
					wantBytes(t, b, want)
					if v2 != v {
						t.Errorf("got version %v of Contents, want %v", v2, v)
					}
				})
			}
		}
	}
}

func TestReadRanges(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		w := newWorld(t, 5)
		want := random(1, 3<<20+11)
		file := w.same(w.files(), w.create(w.files(), f, want))
		for _, r := range [][2]int64{
			{0, 1}, {131072, 1}, {131073, 1}, {131070, 10}, {1 << 20, 2 << 20}, {3<<20 + 10, 1}, {3<<20 + 10, 100}, {3<<20 + 11, 5}, {1 << 40, 1}, {7, 0},
		} {
			var b bytes.Buffer
			_, err := file.Read(t.Context(), r[0], r[1], &b)
			must(t, err)
			from := min(r[0], int64(len(want)))
			wantBytes(t, b.Bytes(), want[from:min(from+r[1], int64(len(want)))])
		}
		for _, r := range [][2]int64{{-1, 1}, {0, -1}} {
			if _, err := file.Read(t.Context(), r[0], r[1], io.Discard); !errors.Is(err, storage.ErrRange) {
				t.Errorf("%v: got %v", r, err)
			}
		}
	}
}

// A range of an MDMF file costs what it is, and not what the file is.
func TestReadTouchesOnlyItsSegments(t *testing.T) {
	w := newWorld(t, 10)
	file := w.create(w.files(), caps.MDMF, random(1, 4<<20))
	read := w.metered()
	_, err := w.same(w.files(), file).Read(t.Context(), 2<<20, 100, io.Discard)
	must(t, err)
	// Two segments at most, the beginnings of six shares, and three hash trees.
	if got, want := read(), int64(2*131073+6*16<<10+3*64*32+4096); got > want {
		t.Errorf("read %d bytes, want at most %d", got, want)
	}
}

func TestOverwrite(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		t.Run(f.String(), func(t *testing.T) {
			w := newWorld(t, 10)
			file := w.create(w.files(), f, random(1, 500_000))
			other := w.same(w.files(), file)
			for i, size := range []int{10, 300_000, 0, 131073, 1} {
				want := random(uint64(i), size)
				v, err := file.Overwrite(t.Context(), iotest.OneByteReader(bytes.NewReader(want)), -1)
				must(t, err)
				if v.Seqnum != uint64(i+2) || v.Size != int64(size) {
					t.Errorf("got version %+v", v)
				}
				if got := w.audit(file); got[v.Seqnum] != 10 || len(got) != 1 {
					t.Errorf("got shares %v", got)
				}
				if got := wantContents(t, other, want); got != v {
					t.Errorf("read version %v, wrote %v", got, v)
				}
				wantContents(t, file, want)
				if got, err := file.Stat(t.Context()); err != nil || got != v {
					t.Errorf("got %v, %v of Stat, want %v", got, err, v)
				}
			}
		})
	}
}

func TestModify(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		t.Run(f.String(), func(t *testing.T) {
			w := newWorld(t, 10)
			a := w.create(w.files(), f, nil)
			b := w.same(w.files(), a)
			var want []byte
			for i := range 10 {
				file := []*mutable.File{a, b}[i%2]
				want = fmt.Appendf(want, "line %d\n", i)
				v, err := file.Modify(t.Context(), 1000, func(old []byte) ([]byte, error) { return fmt.Appendf(old, "line %d\n", i), nil })
				must(t, err)
				if v.Size != int64(len(want)) {
					t.Errorf("got version %+v", v)
				}
			}
			wantContents(t, a, want)
			wantContents(t, b, want)
			w.audit(a)
		})
	}
}

func TestModifyRefuses(t *testing.T) {
	w := newWorld(t, 10)
	file := w.create(w.files(), caps.SDMF, []byte("contents"))
	ours := errors.New("ours")
	for _, c := range []struct {
		name  string
		limit int64
		edit  func([]byte) ([]byte, error)
		want  error
	}{
		{"error", 100, func([]byte) ([]byte, error) { return nil, ours }, ours},
		{"unchanged", 100, func([]byte) ([]byte, error) { return nil, mutable.ErrUnchanged }, nil},
		{"equal", 100, func(old []byte) ([]byte, error) { return old, nil }, nil},
		{"old too large", 7, func(old []byte) ([]byte, error) { return old, nil }, mutable.ErrTooLarge},
		{"new too large", 8, func(old []byte) ([]byte, error) { return append(old, 1), nil }, mutable.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range []*mutable.File{file, w.same(w.files(), file)} {
				v, err := f.Modify(t.Context(), c.limit, c.edit)
				if !errors.Is(err, c.want) || c.want == nil && (err != nil || v.Seqnum != 1) {
					t.Errorf("got %v, %v, want %v", v, err, c.want)
				}
			}
		})
	}
	if got := w.audit(file); got[1] != 10 || len(got) != 1 {
		t.Errorf("got shares %v", got)
	}
}

// What Modify says without writing is of the newest contents, also when it remembers older ones.
func TestModifyDoesNotAnswerFromMemory(t *testing.T) {
	w := newWorld(t, 10)
	a := w.create(w.files(), caps.SDMF, []byte("a"))
	b := w.same(w.files(), a)
	_, err := b.Overwrite(t.Context(), strings.NewReader("b"), 1)
	must(t, err)
	_, err = a.Modify(t.Context(), 100, func(old []byte) ([]byte, error) {
		if string(old) == "b" {
			return []byte("c"), nil
		}
		return nil, errors.New("there is no b")
	})
	must(t, err)
	wantContents(t, b, []byte("c"))
}

func TestWriteAt(t *testing.T) {
	const segment = 131073
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		for _, c := range []struct{ size, off, n int }{
			{0, 0, 0}, {0, 0, 10}, {10, 10, 5}, {10, 3, 4}, {10, 3, 20}, {10, 0, 10},
			{3 * segment, segment, segment}, {3 * segment, segment + 5, 7}, {3 * segment, segment - 3, 6}, {3 * segment, 0, 3 * segment},
			{3 * segment, 3 * segment, 1}, {3*segment - 1, 3*segment - 1, 1}, {3*segment - 1, 3*segment - 1, 2}, {4*segment + 9, 4*segment + 9, 3 * segment},
			{4*segment + 9, 4*segment + 2, 3}, {4*segment + 9, segment + 1, 2 * segment}, {segment, segment, 8 * segment}, {2*segment + 100, 5, 2*segment + 200},
		} {
			t.Run(fmt.Sprintf("%v %d at %d of %d", f, c.n, c.off, c.size), func(t *testing.T) {
				w := newWorld(t, 10)
				want := random(1, c.size)
				file := w.create(w.files(), f, want)
				patch := random(2, c.n)
				want = append(want[:c.off:c.off], append(patch, want[min(c.off+c.n, c.size):]...)...)
				v, err := file.WriteAt(t.Context(), bytes.NewReader(patch), int64(c.off), int64(c.n))
				must(t, err)
				if got := w.audit(file); got[v.Seqnum] != 10 || len(got) != 1 {
					t.Errorf("got shares %v of version %v", got, v)
				}
				wantContents(t, w.same(w.files(), file), want)
				wantContents(t, file, want)
			})
		}
	}
}

func TestWriteAtRefusesGaps(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		w := newWorld(t, 3)
		file := w.create(w.files(), f, []byte("contents"))
		for _, off := range []int64{-1, 9, 1 << 40} {
			if _, err := file.WriteAt(t.Context(), strings.NewReader("x"), off, 1); !errors.Is(err, storage.ErrRange) {
				t.Errorf("%v at %d: got %v", f, off, err)
			}
		}
	}
}

// Of a large MDMF file only what is touched travels.
func TestWriteAtTouchesOnlyItsSegments(t *testing.T) {
	w := newWorld(t, 10)
	file := w.create(w.files(), caps.MDMF, random(1, 4<<20))
	read, before := w.metered(), w.written()
	_, err := w.same(w.files(), file).WriteAt(t.Context(), strings.NewReader("some words"), 2<<20, 10)
	must(t, err)
	// Each share: its head, one block, its hash tree.
	if got, want := w.written()-before, int64(10*(2167+16+43691+63*32)); got != want {
		t.Errorf("wrote %d bytes, want %d", got, want)
	}
	if got, want := read(), int64(2*131073+10*16<<10+10*(64*32+400)); got > want {
		t.Errorf("read %d bytes, want at most %d", got, want)
	}
}

// A write into an MDMF file of which a share is missing or old heals it.
func TestWriteAtHeals(t *testing.T) {
	w := newWorld(t, 10)
	want := random(1, 300_000)
	file := w.create(w.files(), caps.MDMF, want)
	w.lose(2, index(file))
	v, err := w.same(w.files(), file).WriteAt(t.Context(), strings.NewReader("xyz"), 200_000, 3)
	must(t, err)
	copy(want[200_000:], "xyz")
	if got := w.audit(file); got[v.Seqnum] != 10 {
		t.Errorf("got shares %v", got)
	}
	wantContents(t, file, want)
}

func TestReadOnly(t *testing.T) {
	w := newWorld(t, 3)
	m := w.files(encoding(1, 3))
	file := w.create(m, caps.SDMF, []byte("contents"))
	r, err := m.Open(file.Cap().(caps.MutableWrite).ReadOnly())
	must(t, err)
	if !file.Writeable() || r.Writeable() {
		t.Error("Writeable is wrong")
	}
	wantContents(t, r, []byte("contents"))
	for name, write := range map[string]func() error{
		"Overwrite": func() error { _, err := r.Overwrite(t.Context(), strings.NewReader(""), 0); return err },
		"WriteAt":   func() error { _, err := r.WriteAt(t.Context(), strings.NewReader(""), 0, 0); return err },
		"Modify":    func() error { _, err := r.Modify(t.Context(), 10, nil); return err },
	} {
		if err := write(); !errors.Is(err, mutable.ErrReadOnly) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestOpenWrongKind(t *testing.T) {
	literal, err := caps.NewLiteral([]byte("x"))
	must(t, err)
	m := newWorld(t, 1).files()
	for name, c := range map[string]caps.Read{"nil": nil, "literal": literal, "zero write": caps.MutableWrite{}, "zero read": caps.MutableRead{}} {
		if _, err := m.Open(c); !errors.Is(err, mutable.ErrWrongKind) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSources(t *testing.T) {
	w := newWorld(t, 3)
	file := w.create(w.files(encoding(1, 3)), caps.SDMF, []byte("contents"))
	broken := errors.New("broken source")
	for _, c := range []struct {
		name string
		src  io.Reader
		size int64
		want error
	}{
		{"short", strings.NewReader("abc"), 4, io.ErrUnexpectedEOF},
		{"broken", iotest.ErrReader(broken), 4, broken},
		{"broken, unknown size", iotest.ErrReader(broken), -1, broken},
		{"too large", strings.NewReader(""), mutable.MaxSDMF + 1, mutable.ErrTooLarge},
	} {
		if _, err := file.Overwrite(t.Context(), c.src, c.size); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := file.Overwrite(t.Context(), strings.NewReader("abcde"), 4); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("got %v of a long source", err)
	}
	wantContents(t, file, []byte("contents"))
}

func TestCreateWithAKeyThatIsUsed(t *testing.T) {
	w := newWorld(t, 10)
	file := w.create(w.files(), caps.SDMF, []byte("first"))
	_, err := w.files().Create(t.Context(), mutable.CreateOptions{Key: theKey()}, content([]byte("second")))
	u, ok := errors.AsType[*mutable.UncoordinatedWriteError](err)
	if !ok || u.MayRemain || u.Placed != 0 || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("got %v", err)
	}
	wantContents(t, file, []byte("first"))
}

func TestNoServers(t *testing.T) {
	w := newWorld(t, 0)
	if _, err := w.files().Create(t.Context(), mutable.CreateOptions{Key: theKey()}, nil); !errors.Is(err, grid.ErrNoServers) {
		t.Errorf("got %v of Create", err)
	}
	file := w.same(w.files(), newWorldFile(t))
	_, err := file.Stat(t.Context())
	if _, ok := errors.AsType[*mutable.NotEnoughSharesError](err); !ok || !strings.Contains(err.Error(), "no server could be asked") {
		t.Errorf("got %v of Stat", err)
	}
}

func newWorldFile(t *testing.T) *mutable.File {
	w := newWorld(t, 3)
	return w.create(w.files(), caps.SDMF, []byte("contents"))
}

// A node that has just written writes again without asking, in one round trip; and reads without fetching what it knows.
func TestMemorySavesRoundTrips(t *testing.T) {
	w := newWorld(t, 10)
	file := w.create(w.files(), caps.SDMF, []byte("one"))
	if n := w.count(storagetest.OpReadSlot); n != 0 {
		t.Errorf("creating read %d times", n)
	}
	_, err := file.Modify(t.Context(), 100, func(old []byte) ([]byte, error) { return append(old, '+'), nil })
	must(t, err)
	_, err = file.Overwrite(t.Context(), strings.NewReader("three"), 5)
	must(t, err)
	if n := w.count(storagetest.OpReadSlot); n != 0 {
		t.Errorf("writing read %d times", n)
	}
	if n := w.count(storagetest.OpTestAndWrite); n != 30 {
		t.Errorf("wrote %d times, want 30", n)
	}
	wantContents(t, file, []byte("three"))
	if n := w.count(storagetest.OpReadSlot); n > 7 {
		t.Errorf("reading read %d times, want at most 7", n)
	}
}

func TestErrorsTellNoSecrets(t *testing.T) {
	w := newWorld(t, 10)
	m := w.files()
	file := w.create(m, caps.SDMF, []byte("the contents"))
	c := file.Cap().(caps.MutableWrite)
	fields := strings.Split(c.Encode(), ":")
	fields = append(fields, "the contents", fmt.Sprint([]byte("the contents")), theKey().D.String())
	var texts []string
	for _, f := range w.faulty {
		f.Stop()
	}
	_, err := file.Overwrite(t.Context(), strings.NewReader("x"), 1)
	texts = append(texts, fmt.Sprint(err))
	_, err = w.same(w.files(), file).Stat(t.Context())
	texts = append(texts, fmt.Sprint(err), fmt.Sprintf("%v %+v %#v", file, file, file), fmt.Sprintf("%v %+v", *file, *file))
	options := mutable.CreateOptions{Key: theKey()}
	b, err := json.Marshal(options)
	must(t, err)
	texts = append(texts, string(b))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, m), fmt.Sprintf(verb, file), fmt.Sprintf(verb, options))
	}
	for _, text := range texts {
		for _, secret := range fields[2:] {
			if strings.Contains(text, secret) {
				t.Errorf("a secret is in %q", text)
			}
		}
	}
}
