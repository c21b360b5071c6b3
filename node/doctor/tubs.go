package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"tahoe/frontends/web/wapi"
	"tahoe/internal/foolscap"
	"tahoe/internal/plural"
	"tahoe/lafs/grid"
)

// tubReason is why an object of another Tub could not be had.
func tubReason(err error) string {
	if _, ok := errors.AsType[*foolscap.RemoteError](err); ok {
		return "who answers there does not know the secret of the FURL"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return "nobody answers at its address (" + netReason(err) + ")"
	}
	if _, why, found := strings.Cut(oneLine(err), "/(swissnum): "); found {
		return why
	}
	return oneLine(err)
}

// tryHelper looks whether the helper that uploads are to go through is there.
func (x *examination) tryHelper(ctx context.Context, tub *foolscap.Tub) error {
	furl := x.settings.Client.HelperFURL
	if furl == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, x.c.Patience)
	defer cancel()
	r, err := tub.Connect(ctx, furl)
	if err == nil {
		r.Release()
	}
	return err
}

// helper says how the helper is that uploads are to go through.
func (x *examination) helper(err error) {
	switch {
	case x.settings.Client.HelperFURL == "":
	case err != nil:
		x.add(Warning, areaHelper, fmt.Sprintf("The upload helper of [client] helper.furl cannot be used, so that files are uploaded directly: %s.", tubReason(err)),
			"Ask whoever runs it whether it is up and whether its FURL has changed, or take the line out.")
	default:
		x.ok(areaHelper, "The upload helper of [client] helper.furl answers.")
	}
}

// asked compares what was found with what the node, which runs, says itself.
func (x *examination) asked(ctx context.Context, m *meeting) {
	if !x.report.Running || x.settings.Web == nil {
		return
	}
	b, err := os.ReadFile(x.dir.Path("node.url"))
	if err != nil {
		return
	}
	c, err := wapi.NewClient(strings.TrimSpace(string(b)), nil)
	if err != nil {
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, x.c.Patience)
	defer cancel()
	w, err := c.Welcome(ctx)
	if err != nil {
		return // that nobody answers at the port was told
	}
	connected, reachable := 0, 0
	for _, s := range w.Servers {
		if strings.HasPrefix(strings.ToLower(s.ConnectionStatus), grid.Connected.String()) {
			connected++
		}
	}
	for _, s := range m.statuses {
		if s.State == grid.Connected {
			reachable++
		}
	}
	if connected < reachable {
		x.add(Warning, areaServers, fmt.Sprintf("The node says that it is connected with %s, but %d could be reached just now.", plural.Of(connected, "server"), reachable),
			"Wait some minutes, and restart the node if it stays like this.")
		return
	}
	x.ok(areaServers, "The node itself says that it is connected with %s of %d.", plural.Of(connected, "server"), len(w.Servers))
}
