package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/web/wapi"
	"tahoe/internal/aliasfile"
	"tahoe/lafs/grid"
	"tahoe/lafs/keeper"
	"tahoe/node/basedir"
	"tahoe/reactor"
)

// keeperDatabase is what the keeper knows, in the folder private.
const keeperDatabase = "keeper.sqlite"

// openKeeper makes the service that keeps files alive. It does nothing until private/keeper names something.
func (n *Node) openKeeper(broker *grid.Broker) {
	c := n.settings.Keeper
	if !c.Enabled {
		return
	}
	pace := grid.NewPace(n.shared.Clock, c.Bandwidth, c.Bandwidth)
	config := keeper.Config{
		Files: n.files, Path: n.dir.Private(keeperDatabase), Watch: n.watch, Reach: reachOf(broker), Least: n.settings.Client.Happy,
		Retire: broker.Retire, Pace: pace, Parallel: c.Parallel, Clock: n.shared.Clock, Log: n.log,
		Policy: keeper.Policy{Check: c.Check, Renew: c.Renew, Verify: c.Verify, Pass: c.Search, Below: c.Below, Wait: c.Wait},
	}
	if c.Hook != "" || c.Webhook != "" {
		config.Tell = herald{n.Name(), c.Hook, c.Webhook}.tell
	}
	n.keeper = keeper.New(config)
	n.children = append(n.children, reactor.Child{Name: "keeper of files", Service: n.keeper})
}

// reachOf counts servers.
func reachOf(broker *grid.Broker) func() (connected, known int) {
	return func() (connected, known int) {
		for _, s := range broker.Statuses() {
			if s.State != grid.Unusable {
				known++
			}
			if s.State == grid.Connected {
				connected++
			}
		}
		return connected, known
	}
}

// watch finds out what the keeper is to do: what private/keeper names.
func (n *Node) watch() (keeper.Watch, error) {
	list, err := n.dir.ReadKeeper()
	if err != nil {
		return keeper.Watch{}, err
	}
	lines, err := list.All()
	if err != nil {
		return keeper.Watch{}, err
	}
	r := &roots{n: n}
	for _, l := range lines {
		r.add(l)
	}
	r.watch.Trouble = errors.Join(r.errs...)
	return r.watch, nil
}

// roots collects what to watch.
type roots struct {
	n     *Node
	watch keeper.Watch
	errs  []error
}

func (r *roots) add(l basedir.KeeperLine) {
	switch l.Kind {
	case basedir.KeepAliases, basedir.KeepAlias:
		r.aliases(l.Name)
	case basedir.KeepAccounts, basedir.KeepAccount:
		r.accounts(l.Name)
	case basedir.KeepCap:
		r.root(l.Name, l.Cap)
	case basedir.KeepRetire:
		r.watch.Retiring = append(r.watch.Retiring, grid.ServerID(l.Name))
	}
}

func (r *roots) root(name string, c caps.Cap) {
	r.watch.Roots = append(r.watch.Roots, keeper.Root{Name: name, Cap: c})
}

// aliases adds the alias of a name; all of them for "".
func (r *roots) aliases(only string) {
	list, err := os.ReadFile(r.n.dir.Private(aliasfile.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.errs = append(r.errs, err)
		return
	}
	found := false
	err = aliasfile.Read(list, func(name, text string) {
		if only != "" && name != only {
			return
		}
		found = true
		c, err := caps.Parse(text)
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("alias %s: %w", name, err))
			return
		}
		r.root(name, c)
	})
	if err == nil && only != "" && !found {
		err = fmt.Errorf("there is no alias %s", only)
	}
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// accounts adds the root of an account; those of all for "".
func (r *roots) accounts(only string) {
	found := false
	for _, path := range r.n.accountFiles() {
		all, err := readAccounts(path)
		if err != nil {
			r.errs = append(r.errs, err)
			continue
		}
		for _, a := range all {
			if only == "" || a.Name == only {
				found = true
				r.root("account "+a.Name, a.Root)
			}
		}
	}
	if only != "" && !found {
		r.errs = append(r.errs, fmt.Errorf("there is no account %s", only))
	}
}

// accountFiles are the files with accounts of all doors.
func (n *Node) accountFiles() []string {
	d := n.settings.Doors
	var out []string
	seen := map[string]bool{"": true}
	for _, path := range []string{d.SFTP.Accounts.File, d.FTP.Accounts.File, d.WebDAV.Accounts.File, d.Login.Accounts.File} {
		if !seen[path] && exists(path) {
			out = append(out, path)
		}
		seen[path] = true
	}
	return out
}

func readAccounts(path string) ([]auth.Summary, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	book, err := auth.ReadBook(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return book.List()
}

// What of the keeper is shown.
const (
	shownBad    = 200
	shownEvents = 100
)

// keeping is the keeper as the web port sees it.
type keeping struct {
	*keeper.Keeper
	now func() time.Time
}

// Report says what it does and knows.
func (k keeping) Report() (wapi.Keeper, error) {
	st, err := k.Status()
	if err != nil {
		return wapi.Keeper{}, err
	}
	bad, err := k.Bad(shownBad)
	if err != nil {
		return wapi.Keeper{}, err
	}
	events, err := k.Events(shownEvents)
	if err != nil {
		return wapi.Keeper{}, err
	}
	out := k.summary(&st)
	for _, f := range bad {
		out.AtRisk = append(out.AtRisk, wapi.KeptFile{
			Place: f.Place(), Index: f.Verify.Index().String(), State: f.State.String(), Since: seconds(f.Since), Good: f.Good, Needed: f.Needed, Total: f.Total,
			Attempts: f.Tries, Error: f.Note, Next: seconds(f.Due),
		})
	}
	for _, e := range events {
		out.History = append(out.History, wapi.KeeperEvent{At: seconds(e.At), Kind: e.Kind, Place: e.Place, Text: e.Text})
	}
	return out, nil
}

// Brief is Report without single files.
func (k keeping) Brief() (wapi.Keeper, error) {
	st, err := k.Status()
	if err != nil {
		return wapi.Keeper{}, err
	}
	return k.summary(&st), nil
}

func (k keeping) summary(st *keeper.Status) wapi.Keeper {
	out := wapi.Keeper{
		Level: string(st.Level()), Sentence: st.Sentence(k.now()), Watched: nonNil(st.Watched), Retiring: nonNil(st.Retiring), Paused: st.Paused,
		OutOfReach: st.OutOfReach, Connected: st.Connected, Known: st.Known, Files: st.Files, By: map[string]int{}, Failing: st.Failing,
		Overdue: st.Overdue, Visiting: st.Visiting, StillNeeded: st.Leaving, Unchecked: st.Unchecked,
		Searching: st.Searching, Searched: st.Searched, SearchText: st.PassText, BytesIn: st.In, BytesOut: st.Out, Error: st.Err,
		CheckEvery: st.CheckEvery.Seconds(), RenewEvery: st.RenewEvery.Seconds(), VerifyEvery: st.VerifyEvery.Seconds(), Delay: st.Delay.Seconds(),
		SearchedAt: optional(st.PassAt), NextDue: optional(st.NextDue), OldestLease: optional(st.OldLease),
		AtRisk: []wapi.KeptFile{}, History: []wapi.KeeperEvent{},
	}
	for _, s := range keeper.States() {
		out.By[strings.ReplaceAll(s.String(), " ", "-")] = st.By[s]
	}
	return out
}

func nonNil(s []string) []string { return append([]string{}, s...) }

// optional is nil for a time that is not known.
func optional(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := seconds(t)
	return &s
}
