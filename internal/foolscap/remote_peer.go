package foolscap

import "net"

// Addr is the address of the other end of the connection.
func (r *Remote) Addr() net.Addr { return r.link.conn.RemoteAddr() }

// Disconnect ends the connection, and all that goes over it.
func (r *Remote) Disconnect(why error) { r.link.end(why) }
