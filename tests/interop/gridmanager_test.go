package interop_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLongGridManager has a grid manager of each maker certify most storage nodes of both: then clients of both put shares there and
// nowhere else, and read from all.
func TestLongGridManager(t *testing.T) {
	needsLong(t)
	t.Parallel()
	w := newWorld(t)
	c := cell{mixed, string(ours), gbs}
	clients := w.clients(t, c)
	before := content("before", 1000)
	old := clients[ours].put(t, before)
	keys := map[maker]string{}
	for _, m := range makers {
		keys[m] = w.certify(t, m)
	}
	var restart []func()
	for _, p := range w.servers(mixed) {
		restart = append(restart, p.restart)
	}
	together(t, restart...)
	for _, by := range makers {
		t.Run("manager="+string(by), func(t *testing.T) {
			for _, m := range makers {
				p := clients[m]
				p.set("grid_managers/gm", keys[by])
				p.restart()
				p.waitConnected(w.running(c))
				p.mustRead(t, old, before)
				data := content("certified"+string(by)+string(m), 50_000)
				for _, target := range []string{"uri", "uri?format=SDMF"} {
					x := &checkedFile{t: t, w: w, clients: clients, cap: string(p.do(t, http.MethodPut, target, data))}
					for n := range 10 {
						for _, f := range x.share(n) {
							if !certifiedBy(w, by, f) {
								t.Errorf("%s client put share %d on %s, which is not certified", m, n, f)
							}
						}
						if len(x.share(n)) == 0 {
							t.Errorf("%s client: share %d is nowhere", m, n)
						}
					}
					clients[m.other()].mustRead(t, x.cap, data)
				}
			}
		})
	}
}

// certified are the storage nodes that a manager certifies: all but the one of each maker that the manager's maker leaves out.
func certified(w *world, by maker) []*peer {
	out := map[maker]int{ours: 0, original: 1}[by]
	var all []*peer
	for _, m := range makers {
		for i, p := range w.storage[m] {
			if i != out {
				all = append(all, p)
			}
		}
	}
	return all
}

func certifiedBy(w *world, by maker, file string) bool {
	for _, p := range certified(w, by) {
		if strings.HasPrefix(file, p.dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// certify makes a grid manager, which signs certificates, which the programs of the storage nodes take. It returns its public key.
func (w *world) certify(t *testing.T, by maker) string {
	t.Helper()
	dir := filepath.Join(w.dir, "manager-"+string(by))
	run := func(args ...string) string {
		if by == ours {
			return command(t, by.program(t), append([]string{"grid-manager", "-c", dir}, args...)...)
		}
		return command(t, filepath.Join(filepath.Dir(by.program(t)), "grid-manager"), append([]string{"-c", dir}, args...)...)
	}
	run("create")
	for i, p := range certified(w, by) {
		name := fmt.Sprintf("server%d", i)
		key, err := os.ReadFile(filepath.Join(p.dir, "node.pubkey"))
		if err != nil {
			t.Fatal(err)
		}
		run("add", name, strings.TrimSpace(string(key)))
		run("sign", name, "30")
		found, err := filepath.Glob(filepath.Join(dir, name+".cert.*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("certificates of %s: %v, %v", name, found, err)
		}
		command(t, p.maker.program(t), "--node-directory="+p.dir, "admin", "add-grid-manager-cert", "--filename", found[0], "--name", "by-"+string(by))
	}
	return strings.TrimSpace(run("public-identity"))
}
