package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"tahoe/caps"
	"tahoe/frontends/vfs"
)

func TestWriteAndRead(t *testing.T) {
	for name, c := range map[string]vfs.Config{"background": {}, "on close": {Commit: vfs.OnClose}} {
		t.Run(name, func(t *testing.T) {
			d := sit(t, c)
			want := map[string]string{"empty": "", "small": "hello", "a name with spaces": big(300_000, 1), "-dash": "x", "größe.txt": "ü", "large": big(9_000_000, 2)}
			for path, data := range want {
				d.write("/"+path, data)
				d.shows("/"+path, data)
			}
			d.settle()
			got := d.grid.Tree(d.root)
			for path, data := range want {
				d.shows("/"+path, data)
				if got[path] != data {
					t.Errorf("%s: the grid has %d bytes, want %d", path, len(got[path]), len(data))
				}
			}
			if used, _ := d.fs.Staged(); used != 0 {
				t.Errorf("%d bytes are staged after all", used)
			}
			if names := d.names("/"); len(names) != len(want) || !slices.IsSorted(names) {
				t.Errorf("got %q", names)
			}
		})
	}
}

func TestOpenFlags(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	try := func(path string, flags vfs.Flag) error {
		f, err := d.view.Open(ctx, path, flags)
		if err == nil {
			f.Abandon()
		}
		return err
	}
	d.grid.Add(d.root, "there", d.grid.PutData("there"), "")
	d.grid.Add(d.root, "dir", d.grid.NewDir(), "")
	d.grid.Add(d.root, "unwritable", d.grid.PutData("x"), `{"no-write":true}`)
	tests := []struct {
		path  string
		flags vfs.Flag
		want  error
	}{
		{"/there", 0, fs.ErrInvalid},
		{"/there", vfs.FlagRead | vfs.FlagExclusive, fs.ErrInvalid},
		{"/there", vfs.FlagRead, nil},
		{"/there", vfs.FlagWrite, nil},
		{"/there", vfs.FlagWrite | vfs.FlagCreate | vfs.FlagExclusive, fs.ErrExist},
		{"/not", vfs.FlagRead, fs.ErrNotExist},
		{"/not", vfs.FlagWrite, fs.ErrNotExist},
		{"/not", vfs.FlagRead | vfs.FlagCreate, nil},
		{"/not/there", vfs.FlagRead, fs.ErrNotExist},
		{"/there/not", vfs.FlagRead, vfs.ErrNotDirectory},
		{"/dir", vfs.FlagRead, vfs.ErrIsDirectory},
		{"/dir", create, vfs.ErrIsDirectory},
		{"/", vfs.FlagRead, vfs.ErrIsDirectory},
		{"/unwritable", vfs.FlagWrite, fs.ErrPermission},
		{"/unwritable", vfs.FlagRead, nil},
		{"/bad\xff", vfs.FlagRead, fs.ErrNotExist},
		{"/../../there", vfs.FlagRead, nil},
	}
	for _, tt := range tests {
		if err := try(tt.path, tt.flags); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("open %q with %b: got %v, want %v", tt.path, tt.flags, err, tt.want)
		}
	}
	if got := d.names("/"); !slices.Equal(got, []string{"dir", "there", "unwritable"}) {
		t.Errorf("abandoned files are there: %q", got)
	}
}

// Exclusive creation is exclusive among many at once, and the name is free again when the winner gives up.
func TestExclusive(t *testing.T) {
	d := sit(t, vfs.Config{})
	for range 3 {
		var wins []*vfs.File
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				f, err := d.view.Open(t.Context(), "/lock", vfs.FlagWrite|vfs.FlagCreate|vfs.FlagExclusive)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					wins = append(wins, f)
				} else if !errors.Is(err, fs.ErrExist) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(wins) != 1 {
			t.Fatalf("%d have won", len(wins))
		}
		wins[0].Abandon()
	}
}

func TestAbandonedIsNeverPublished(t *testing.T) {
	d := sit(t, vfs.Config{})
	d.write("/old", "old")
	d.settle()
	for _, path := range []string{"/old", "/new"} {
		f := d.open(path, create)
		d.put(f, "half of a", 0)
		f.Abandon()
		if err := f.Close(t.Context()); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("close after abandon: %v", err)
		}
	}
	v := d.fs.View(d.view.Account())
	if _, err := v.Open(t.Context(), "/third", create); err != nil {
		t.Fatal(err)
	}
	v.Close() // the connection broke
	d.settle()
	d.shows("/old", "old")
	if got := d.names("/"); !slices.Equal(got, []string{"old"}) {
		t.Errorf("got %q", got)
	}
	if used, _ := d.fs.Staged(); used != 0 {
		t.Errorf("%d bytes are staged", used)
	}
}

// What is written over an immutable file shows at once, and only what is needed of the old content is read.
func TestWriteIntoOldContent(t *testing.T) {
	d := sit(t, vfs.Config{})
	old := big(3_000_000, 3)
	d.grid.Add(d.root, "f", d.grid.PutData(old), "")
	want := []byte(old)
	f := d.open("/f", vfs.FlagRead|vfs.FlagWrite)
	for _, at := range []int64{0, 70_000, 1_000_000, 2_999_990, 3_100_000} {
		data := big(30_000, uint64(at))
		d.put(f, data, at)
		if end := int(at) + len(data); end > len(want) {
			want = append(want, make([]byte, end-len(want))...)
		}
		copy(want[at:], data)
		got, err := readAll(t, f)
		if err != nil || got != string(want) {
			t.Fatalf("after writing at %d: other bytes, %v", at, err)
		}
	}
	size := int64(2_000_000)
	for _, n := range []int64{size, size + 5000} {
		if err := f.SetAttr(t.Context(), vfs.Attr{Size: &n}); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want[:size], make([]byte, 5000)...)
	d.close(f)
	d.shows("/f", string(want))
	d.settle()
	d.shows("/f", string(want))
	if d.grid.Tree(d.root)["f"] != string(want) {
		t.Error("the grid has other bytes")
	}
}

func TestAppendIsClosedAtOnce(t *testing.T) {
	d := sit(t, vfs.Config{})
	old := big(5_000_000, 4)
	d.grid.Add(d.root, "log", d.grid.PutData(old), "")
	if _, err := d.view.Stat(t.Context(), "/log"); err != nil {
		t.Fatal(err)
	}
	away := errors.New("away")
	d.grid.Hook(func(_ context.Context, op string) error { return away })
	f := d.open("/log", vfs.FlagWrite)
	i, err := f.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.put(f, "one line more\n", i.Size())
	d.close(f)
	d.grid.Hook(nil)
	d.fs.Retry()
	d.settle()
	d.shows("/log", old+"one line more\n")
}

func TestTwoHandlesShareAFile(t *testing.T) {
	d := sit(t, vfs.Config{})
	a := d.open("/f", create)
	b := d.open("/f", vfs.FlagRead|vfs.FlagWrite)
	d.put(a, "from a", 0)
	d.put(b, "FROM", 0)
	if got, err := readAll(t, b); got != "FROM a" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	d.close(a)
	d.put(b, "!", 6)
	b.Abandon()
	d.settle()
	d.shows("/f", "FROM a")
}

func TestReadersKeepWhatTheyOpened(t *testing.T) {
	d := sit(t, vfs.Config{})
	d.write("/f", "first")
	r := d.open("/f", vfs.FlagRead)
	d.write("/f", "second")
	d.settle()
	if err := d.view.Remove(t.Context(), "/f"); err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(t, r); got != "first" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	d.close(r)
	if used, _ := d.fs.Staged(); used != 0 {
		t.Errorf("%d bytes are staged", used)
	}
}

func TestMutableFilesAreWrittenInPlace(t *testing.T) {
	d := sit(t, vfs.Config{})
	m := d.grid.NewMutable("mutable")
	d.grid.Add(d.root, "m", m, `{"color":"red"}`)
	d.grid.Add(d.root, "ro", m.ReadOnly(), "")
	d.shows("/m", "mutable")
	f := d.open("/m", vfs.FlagRead|vfs.FlagWrite)
	d.put(f, "M", 0)
	d.close(f)
	d.settle()
	d.shows("/m", "Mutable")
	d.shows("/ro", "Mutable")
	d.write("/m", "anew")
	d.settle()
	c, _ := d.grid.Child(d.root, "m")
	if b, _ := d.grid.Data(m); string(b) != "anew" || c.Cap != caps.Cap(m) || !strings.Contains(string(c.Metadata), `"color":"red"`) {
		t.Errorf("got %q, %v, %s", b, c.Cap, c.Metadata)
	}
	_, err := d.view.Open(t.Context(), "/ro", vfs.FlagWrite)
	d.fails(fs.ErrPermission, err)
	path := "/uri/" + m.Encode()
	d.write(path, "by its capability")
	d.settle()
	d.shows("/m", "by its capability")
	d.shows(path, "by its capability")
}

// What has been closed is seen at every moment, also while it arrives on the grid.
func TestClosedFilesAreAlwaysSeen(t *testing.T) {
	d := sit(t, vfs.Config{})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			path := fmt.Sprint("/f", w)
			for k := range 150 {
				data := fmt.Sprint("version ", k)
				d.write(path, data)
				for range 5 {
					d.shows(path, data)
				}
				if !slices.Contains(d.names("/"), path[1:]) {
					t.Errorf("%s is not listed", path)
				}
			}
		})
	}
	all.Wait()
}

// A file of which a write failed is not published, though it is closed: what was there stays.
func TestFullDiskPublishesNothing(t *testing.T) {
	d := sit(t, vfs.Config{Limit: 1000})
	d.write("/f", "old")
	d.settle()
	f := d.open("/f", create)
	d.put(f, strings.Repeat("x", 900), 0)
	_, err := f.WriteAt(t.Context(), make([]byte, 900), 900)
	d.fails(vfs.ErrNoSpace, err)
	d.fails(vfs.ErrNoSpace, f.Close(t.Context()))
	d.shows("/f", "old")
}
