package lafs_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/internal/base32"
	"tahoe/internal/gridmanager"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// memConn is a connection to a server in memory.
type memConn struct{ storage.Server }

func (memConn) Close() error { return nil }

// TestCertifiedServers: with grid managers, new shares go only to servers that one of them certifies at that moment; others still give
// what they have. An expired or forged certificate keeps uploads away, and that is said.
func TestCertifiedServers(t *testing.T) { synctest.Test(t, certifiedServers) }

func certifiedServers(t *testing.T) {
	manager, stranger := gridmanager.NewPrivateKey(), gridmanager.NewPrivateKey()
	ends := time.Now().Add(48 * time.Hour)
	mems := map[grid.ServerID]*storagetest.Mem{}
	var all []grid.Announcement
	certified := map[grid.ServerID]bool{}
	for i := range 14 {
		key := gridmanager.NewPrivateKey().Public()
		id := grid.ServerID(strings.TrimPrefix(key.String(), "pub-"))
		tub := make([]byte, 20)
		tub[0] = byte(i)
		a := grid.Announcement{ID: id, Nickname: fmt.Sprintf("server-%d", i), FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}
		switch {
		case i < 10:
			a.Certificates = []gridmanager.Signed{manager.Sign(gridmanager.Certificate{Server: key, Expires: ends})}
			certified[id] = true
		case i == 10: // of somebody whom nobody trusts
			a.Certificates = []gridmanager.Signed{stranger.Sign(gridmanager.Certificate{Server: key, Expires: ends})}
		case i == 11: // of another server
			a.Certificates = all[0].Certificates
		case i == 12: // over
			a.Certificates = []gridmanager.Signed{manager.Sign(gridmanager.Certificate{Server: key, Expires: time.Now().Add(-time.Hour)})}
		}
		mems[id] = storagetest.NewMem(storagetest.Config{})
		all = append(all, a)
	}
	connect := func(a grid.Announcement, _ grid.Events) (grid.Conn, error) { return memConn{mems[a.ID]}, nil }
	run := func(managers ...gridmanager.PublicKey) (*grid.Broker, *lafs.Client) {
		b := grid.NewBroker(connect, grid.BrokerConfig{Managers: managers})
		if err := b.Set(grid.Static, all); err != nil {
			t.Fatal(err)
		}
		go func() { _ = b.Run(t.Context(), func() {}) }()
		if err := b.WaitConnected(t.Context(), len(all)); err != nil {
			t.Fatal(err)
		}
		return b, clientOf(b)
	}
	_, free := run()
	before, err := free.Put(t.Context(), strings.NewReader(strings.Repeat("a", 1000)), lafs.PutOptions{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	broker, c := run(manager.Public())
	for _, st := range broker.Statuses() {
		if got := st.Certification; !got.Limited || got.Valid != certified[st.ID] || got.Valid && !got.Expires.Equal(ends.Truncate(time.Microsecond)) {
			t.Errorf("%s: got %+v, want valid %v", st.Nickname, got, certified[st.ID])
		}
	}
	put, err := c.Put(t.Context(), strings.NewReader(strings.Repeat("b", 1000)), lafs.PutOptions{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.PutMutable(t.Context(), strings.NewReader("contents"), 8, lafs.MutableOptions{Format: lafs.SDMF})
	if err != nil {
		t.Fatal(err)
	}
	mutable, _ := lafs.ChildOf(file.Cap()).Index()
	where := func(i storage.Index) (on, off int) {
		for id, m := range mems {
			if n := len(m.Shares(i)); certified[id] {
				on += n
			} else {
				off += n
			}
		}
		return on, off
	}
	for _, i := range []storage.Index{put.Index, mutable} {
		if on, off := where(i); on != 10 || off != 0 {
			t.Errorf("%d shares on certified servers and %d on others, want 10 and 0", on, off)
		}
		for _, m := range mems {
			m.Remove(i, 4)
		}
	}
	if r, err := c.Check(t.Context(), before.Cap, lafs.CheckOptions{}); err != nil || !r.Healthy {
		t.Errorf("what lies on other servers counts: got %+v, %v", r, err)
	}
	if r, err := c.Repair(t.Context(), put.Cap, lafs.CheckOptions{}); err != nil || !r.Successful {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err := c.Repair(t.Context(), file.Cap(), lafs.CheckOptions{}); err != nil || !r.Successful {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, i := range []storage.Index{put.Index, mutable} {
		if on, off := where(i); on != 10 || off != 0 {
			t.Errorf("after the repair: %d shares on certified servers and %d on others, want 10 and 0", on, off)
		}
	}
	time.Sleep(49 * time.Hour) // certificates are looked at when they are used
	if _, err := c.Put(t.Context(), strings.NewReader(strings.Repeat("c", 1000)), lafs.PutOptions{Size: 1000}); err == nil || !strings.Contains(err.Error(), "no grid manager") {
		t.Errorf("got %v", err)
	}
	if _, err := c.PutMutable(t.Context(), strings.NewReader("contents"), 8, lafs.MutableOptions{}); err == nil {
		t.Error("a mutable file was made without certified servers")
	} else {
		t.Log(err)
	}
	for _, m := range mems {
		m.Remove(put.Index, 7)
	}
	if r, err := c.Repair(t.Context(), put.Cap, lafs.CheckOptions{}); err != nil || r.Successful || !strings.Contains(r.Err.Error(), "no grid manager") {
		t.Errorf("got %+v, %v", r, err)
	}
	var out strings.Builder
	if n, err := c.Open(put.Cap); err != nil || n.(lafs.File).Read(t.Context(), 0, 1000, &out) != nil || out.Len() != 1000 {
		t.Errorf("reading is not restricted: got %d bytes, %v", out.Len(), err)
	}
}
