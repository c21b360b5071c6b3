package introducer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"tahoe/internal/foolscap"
)

// What the original's schemas call the two remote interfaces.
const (
	serverInterface     = "RIIntroducerPublisherAndSubscriberService_v2.tahoe.allmydata.com"
	subscriberInterface = "RIIntroducerSubscriberClient_v2.tahoe.allmydata.com"
)

// protocol2 is the key by which an introducer says, among its versions, that it speaks this protocol.
const protocol2 = "http://allmydata.org/tahoe/protocols/introducer/v2"

// tuple is an announcement as Foolscap carries it.
func (s Signed) tuple() foolscap.Tuple { return foolscap.Tuple{s.Message, s.Signature, s.Key} }

// signedOf takes an announcement out of a value. Its parts are bytes; older programs send text.
func signedOf(v foolscap.Value) (s Signed, ok bool) {
	var parts []foolscap.Value
	switch v := v.(type) {
	case foolscap.Tuple:
		parts = v
	case []foolscap.Value:
		parts = v
	}
	if len(parts) != 3 {
		return Signed{}, false
	}
	for i, to := range []*[]byte{&s.Message, &s.Signature, &s.Key} {
		text, ok := textOf(parts[i])
		if !ok {
			return Signed{}, false
		}
		*to = []byte(text)
	}
	return s, true
}

// textOf is a value that is bytes or text.
func textOf(v foolscap.Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// Object makes the introducer an object of a Tub. application is the name and version of the software.
func (s *Server) Object(application string) foolscap.Object { return serverObject{s, application} }

type serverObject struct {
	s           *Server
	application string
}

func (o serverObject) RemoteInterface() string { return serverInterface }

// Call answers what the remote interface has.
func (o serverObject) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case "get_version":
		if _, err := args.Bind(nil); err != nil {
			return nil, err
		}
		return foolscap.Dict{
			{Key: []byte(protocol2), Value: foolscap.Dict{}},
			{Key: []byte("application-version"), Value: []byte(o.application)},
		}, nil
	case "publish_v2":
		return nil, o.publish(args)
	case "subscribe_v2":
		return nil, o.subscribe(args)
	}
	return nil, violation("an introducer has no method of this name")
}

func violation(format string, args ...any) error {
	return &foolscap.CallError{Type: "foolscap.tokens.Violation", Message: fmt.Sprintf(format, args...)}
}

func (o serverObject) publish(args foolscap.Args) error {
	values, err := args.Bind([]string{"announcement", "canary"})
	if err != nil {
		return err
	}
	a, ok := signedOf(values[0])
	canary, isRemote := values[1].(*foolscap.Remote)
	if !ok || !isRemote {
		return violation("an announcement is a tuple of three strings, and the canary an object")
	}
	err = o.s.Publish(a, remotePeer{canary})
	switch {
	case errors.Is(err, ErrStale):
		o.s.c.Log.Info("announcement refused", "error", err, "tub", canary.Tub())
		return nil // as the original: an old message that comes late is nobody's fault
	case errors.Is(err, ErrBadSignature):
		return &foolscap.CallError{Type: "allmydata.crypto.error.BadSignature", Message: err.Error()}
	case err != nil:
		return &foolscap.CallError{Type: "builtins.ValueError", Message: err.Error()}
	}
	return nil
}

func (o serverObject) subscribe(args foolscap.Args) error {
	values, err := args.Bind([]string{"subscriber", "service_name", "subscriber_info"})
	if err != nil {
		return err
	}
	to, isRemote := values[0].(*foolscap.Remote)
	service, isText := textOf(values[1])
	about, isDict := values[2].(foolscap.Dict)
	if !isRemote || !isText || !isDict || service == "" || len(service) > maxService {
		return violation("subscribe_v2 takes an object, the name of a service, and a dictionary")
	}
	err = o.s.Subscribe(remoteSubscriber{remotePeer{to}, o.s.c.Log}, service, infoOf(about))
	if err != nil {
		return &foolscap.CallError{Type: "builtins.ValueError", Message: err.Error()}
	}
	return nil
}

func infoOf(d foolscap.Dict) Info {
	word := func(key string) string {
		v, _ := d.Get(key)
		s, _ := textOf(v)
		return s
	}
	return Info{Nickname: word("nickname"), Version: word("my-version")}
}

// A remotePeer is the other end of a connection by Foolscap.
type remotePeer struct{ r *foolscap.Remote }

func (p remotePeer) OnGone(f func()) (cancel func()) { return p.r.OnDisconnect(func(error) { f() }) }

type remoteSubscriber struct {
	remotePeer
	log *slog.Logger
}

func (r remoteSubscriber) Same(other Subscriber) bool {
	o, ok := other.(remoteSubscriber)
	return ok && r.r.Same(o.r)
}

// Announce does not mind what the subscriber thinks of the announcements.
func (r remoteSubscriber) Announce(ctx context.Context, batch []Signed) error {
	set := make(foolscap.Set, len(batch))
	for i, a := range batch {
		set[i] = a.tuple()
	}
	_, err := r.r.Call(ctx, "announce_v2", foolscap.Positional(set))
	if refusal, ok := errors.AsType[*foolscap.RemoteError](err); ok {
		r.log.Info("subscriber refuses announcements", "tub", r.TubID(), "error", refusal)
		return nil
	}
	return err
}

var errSlow = errors.New("it did not take what it had subscribed to")

func (r remoteSubscriber) Cut()            { r.r.Disconnect(errSlow) }
func (r remoteSubscriber) TubID() string   { return r.r.Tub().String() }
func (r remoteSubscriber) Address() string { return r.r.Addr().String() }
