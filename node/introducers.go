package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tahoe/internal/base32"
	"tahoe/introducer"
	"tahoe/lafs/grid"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
)

// storageService is the name by which storage is announced.
const storageService = "storage"

// openIntroducers opens what publishes the node's storage and hears of that of others.
func (n *Node) openIntroducers() error {
	all, err := Introducers(n.dir, n.settings)
	if err != nil || len(all) == 0 || n.grid == nil && n.seed == "" {
		return err
	}
	if !n.settings.DialTCP {
		n.warnings = append(n.warnings, "connections by TCP are switched off, so no introducer is contacted")
		return nil
	}
	c := introducer.ClientConfig{
		Introducers: all, Connect: introducer.Connect(n.openTub()), Info: introducer.Info{Nickname: n.Name(), Version: application},
		Clock: n.shared.Clock, Log: n.log,
	}
	if n.grid != nil {
		c.Service, c.Sink = storageService, n.heard
	}
	if n.seed != "" {
		own, err := n.announcement()
		if err != nil {
			return err
		}
		c.Publish = []*introducer.Verified{own}
	}
	n.introducers = introducer.NewClient(c)
	n.children = append(n.children, reactor.Child{Name: "introducers", Service: n.introducers})
	return nil
}

// Introducers are those of private/introducers.yaml and of tahoe.cfg, by their names.
func Introducers(dir basedir.Dir, s config.Settings) ([]introducer.Introducer, error) {
	furls, err := dir.Introducers()
	if err != nil {
		return nil, err
	}
	if furl := s.Client.IntroducerFURL; furl != "" {
		if _, double := furls["default"]; double {
			return nil, fmt.Errorf("%s has an introducer.furl, and private/introducers.yaml a default one; take the line out of tahoe.cfg", dir.Path("tahoe.cfg"))
		}
		furls["default"] = furl
	}
	var all []introducer.Introducer
	for _, name := range slices.Sorted(maps.Keys(furls)) {
		file, err := introducer.CacheName(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir.Private("introducers.yaml"), err)
		}
		all = append(all, introducer.Introducer{Name: name, FURL: furls[name], Cache: dir.Private(file)})
	}
	return all, nil
}

// announcement is what the node says about its storage.
func (n *Node) announcement() (*introducer.Verified, error) {
	seqnum, err := n.dir.NextSeqnum()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce) // cannot fail
	nurls := []string{}
	for _, a := range n.storage.NURLs {
		nurls = append(nurls, a.Encode())
	}
	table := map[string]any{
		"version": 0, "service-name": storageService, "seqnum": seqnum, "nonce": base32.Encode(nonce),
		"nickname": n.Name(), "my-version": application, "oldest-supported": "1.0.0", "app-versions": []string{},
		"permutation-seed-base32": n.seed, "anonymous-storage-FURL": n.storage.FURL,
	}
	if len(nurls) > 0 {
		table["anonymous-storage-NURLs"] = nurls
	}
	certificates, err := readCertificates(n.settings.Storage.Certificates)
	if err != nil {
		return nil, err
	}
	if len(certificates) > 0 {
		table["grid-manager-certificates"] = certificates
	}
	v, err := introducer.Sign(table, n.identity.ServerID(), n.identity.Sign)
	if err != nil {
		return nil, fmt.Errorf("announce the storage of %s: %w", n.dir, err)
	}
	return v, nil
}

// heard hands announcements to the broker, where the servers of servers.yaml count more.
func (n *Node) heard(news []introducer.Heard) {
	var servers []grid.Announcement
	var errs []error
	for _, h := range news {
		a, err := grid.ParseAnnouncement(grid.ServerID(h.Key), h.Table)
		if err != nil {
			errs = append(errs, fmt.Errorf("server %s: %w", grid.ServerID(h.Key).Abbrev(), err))
			continue
		}
		servers = append(servers, a)
	}
	const shown = 5
	if err := errors.Join(append(errs[:min(shown, len(errs))], n.grid.Update(grid.Announced, servers...))...); err != nil {
		n.log.Warn("announcements of no use", "of", len(news), "unreadable", len(errs), "error", err)
	}
}

// introducerStatuses are the introducers as the web port shows them.
func (n *Node) introducerStatuses() []introducer.LinkStatus {
	if n.introducers == nil {
		return nil
	}
	return n.introducers.Statuses()
}
