package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tahoe/internal/foolscap"
	"tahoe/introducer"
	"tahoe/lafs/grid"
	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/reactor"
)

// A meeting is what the examination hears of introducers and servers, as the node would.
type meeting struct {
	tub    *foolscap.Tub
	intro  *introducer.Client // nil: there are none
	broker *grid.Broker

	seen     []introducer.LinkStatus // how introducers and servers were at the end of the meeting
	statuses []grid.Status
	help     error // why the helper cannot be used

	mu      sync.Mutex
	servers map[grid.ServerID]grid.Announcement
	failed  map[string]error // by introducer: why it could not be reached
	bad     int              // announcements that could not be read
}

// grid meets introducers and servers, and says how they are.
func (x *examination) grid(ctx context.Context) {
	if x.kind != basedir.Client {
		return
	}
	introducers, err := node.Introducers(x.dir, x.settings)
	if err != nil {
		x.add(Problem, areaIntroducers, oneLine(err)+".", "Correct it: the node does not start like this.")
	}
	static, warning, err := x.dir.StaticServers()
	for _, e := range []error{warning, err} {
		if e != nil {
			x.add(Problem, areaServers, oneLine(e)+".", "Correct the entry.")
		}
	}
	if len(introducers) == 0 && len(static) == 0 {
		x.alone()
		return
	}
	if !x.settings.DialTCP {
		x.add(Warning, areaServers, "Connections by TCP are switched off in [connections], so that neither introducers nor servers were asked.", "Write tcp = tcp there if the node is to use the grid.")
		return
	}
	m, err := x.meet(ctx, introducers, static)
	if err != nil {
		x.add(Problem, areaServers, oneLine(err)+".", "")
		return
	}
	x.introducers(m)
	x.helper(m.help)
	x.servers(m)
	x.clock(ctx, m.announcements())
	x.self(m)
	x.asked(ctx, m)
}

// alone says what it means to know nobody.
func (x *examination) alone() {
	if x.uploads() {
		x.add(Problem, areaServers, "The node knows no introducer and no server, so that it has nowhere to put files.", "Enter an introducer in private/introducers.yaml, or servers in private/servers.yaml.")
		return
	}
	x.add(Warning, areaServers, "The node knows no introducer, so that only those clients find its storage whose servers.yaml has it.",
		"Enter an introducer in private/introducers.yaml, unless that is meant so.")
}

// meet connects with everybody, and waits until each has answered or failed, as long as patience lasts.
func (x *examination) meet(ctx context.Context, introducers []introducer.Introducer, static []grid.Announcement) (*meeting, error) {
	cert, err := foolscap.Stranger()
	if err != nil {
		return nil, err
	}
	m := &meeting{tub: foolscap.NewTub(cert, foolscap.Config{Log: x.log, Negotiation: x.c.Patience}), servers: map[grid.ServerID]grid.Announcement{}, failed: map[string]error{}}
	m.broker = grid.NewBroker(node.Connector(x.settings, m.tub), grid.BrokerConfig{
		Enough: max(x.settings.Client.Total, len(static)), Managers: x.settings.Client.Managers, Clock: x.c.Clock, Log: x.log,
	})
	m.note(static...)
	_ = m.broker.Set(grid.Static, static) // what is wrong with them was told
	children := []reactor.Child{{Name: "tub", Service: m.tub}, {Name: "grid", Service: m.broker}}
	if len(introducers) > 0 {
		caches, err := copyCaches(introducers)
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(caches) }()
		m.intro = introducer.NewClient(introducer.ClientConfig{
			Introducers: introducers, Connect: m.connect(introducers), Info: introducer.Info{Nickname: "doctor"}, Service: "storage",
			Sink: m.heard, Patience: x.c.Patience, Clock: x.c.Clock, Log: x.log,
		})
		children = append(children, reactor.Child{Name: "introducers", Service: m.intro})
	}
	ctx, cancel := context.WithTimeout(ctx, 2*x.c.Patience)
	defer cancel()
	var running sync.WaitGroup
	ready := make(chan struct{})
	running.Go(func() { _ = reactor.NewTree("doctor", children...).Run(ctx, func() { close(ready) }) })
	defer running.Wait()
	defer cancel()
	select {
	case <-ready:
		m.await(ctx, x.c.Patience)
		m.seen, m.statuses = m.links(), m.broker.Statuses() // before everybody is told to go
		m.help = x.tryHelper(ctx, m.tub)
	case <-ctx.Done():
	}
	return m, nil
}

// copyCaches has the introducers use copies of the files that the node keeps of what they told, so that the node's own stay as they are.
func copyCaches(introducers []introducer.Introducer) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "tahoe-doctor-"); err != nil {
		return "", err
	}
	for i := range introducers {
		b, err := os.ReadFile(introducers[i].Cache)
		introducers[i].Cache = ""
		if err != nil {
			continue // there is none
		}
		path := filepath.Join(dir, strconv.Itoa(i))
		if os.WriteFile(path, b, 0o600) == nil {
			introducers[i].Cache = path
		}
	}
	return dir, nil
}

// connect connects with introducers, and remembers why it could not.
func (m *meeting) connect(introducers []introducer.Introducer) func(context.Context, string) (introducer.Link, error) {
	names := map[string]string{}
	for _, i := range introducers {
		names[i.FURL] = i.Name
	}
	dial := introducer.Connect(m.tub)
	return func(ctx context.Context, furl string) (introducer.Link, error) {
		l, err := dial(ctx, furl)
		m.mu.Lock()
		defer m.mu.Unlock()
		if err == nil || ctx.Err() == nil { // what the end of the meeting broke off says nothing
			m.failed[names[furl]] = err
		}
		return l, err
	}
}

func (m *meeting) note(all ...grid.Announcement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range all {
		m.servers[a.ID] = a
	}
}

func (m *meeting) announcements() (all []grid.Announcement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.servers {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b grid.Announcement) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

func (m *meeting) heard(news []introducer.Heard) {
	for _, h := range news {
		a, err := grid.ParseAnnouncement(grid.ServerID(h.Key), h.Table)
		if err != nil {
			m.mu.Lock()
			m.bad++
			m.mu.Unlock()
			continue
		}
		m.note(a)
		_ = m.broker.Update(grid.Announced, a)
	}
}
