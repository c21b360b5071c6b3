package foolscap

import (
	"context"
	"runtime"
)

// A Remote is an object of another Tub, for as long as the connection lasts.
type Remote struct {
	link    *link
	clid    int64
	iface   string
	release func()
}

// Call calls a method of the object and waits for the answer. A failure at the other end is a *RemoteError. A call whose ctx
// ends is not taken back: the other end may do it nevertheless.
func (r *Remote) Call(ctx context.Context, method string, args Args) (Value, error) {
	defer runtime.KeepAlive(r)
	return r.link.call(ctx, r.clid, method, args)
}

// CallOnly calls a method and wants no answer. It returns when the call is on its way.
func (r *Remote) CallOnly(ctx context.Context, method string, args Args) error {
	defer runtime.KeepAlive(r)
	return r.link.callOnly(ctx, r.clid, method, args)
}

// OnDisconnect has f called once, when the connection has ended, with the reason; at once if it has ended already. The
// connection's end waits for f.
func (r *Remote) OnDisconnect(f func(error)) (cancel func()) { return r.link.watch(f) }

// Done is closed when the connection has ended.
func (r *Remote) Done() <-chan struct{} { return r.link.ended }

// Interface is the name of the object's remote interface, as the other end announced it, or "".
func (r *Remote) Interface() string { return r.iface }

// Tub is whose object it is.
func (r *Remote) Tub() TubID { return r.link.peer }

// Same says whether two Remotes are the same object of the same connection.
func (r *Remote) Same(other *Remote) bool { return r.link == other.link && r.clid == other.clid }

// Release says that nobody here uses the object any more, so that the other end can forget it. A Remote that is garbage is
// released, but only in time.
func (r *Remote) Release() { r.release() }
