package introducer

import (
	"context"
	"errors"

	"tahoe/internal/foolscap"
)

// Connect connects a Tub with an introducer: it makes a Client's Connect.
func Connect(tub *foolscap.Tub) func(ctx context.Context, furl string) (Link, error) {
	return func(ctx context.Context, furl string) (Link, error) {
		r, err := tub.Connect(ctx, furl)
		if err != nil {
			return nil, err
		}
		return &remoteIntroducer{r: r}, nil
	}
}

// A remoteIntroducer is an introducer that is reached by Foolscap.
type remoteIntroducer struct{ r *foolscap.Remote }

var errTooOld = errors.New("it does not speak version 2 of the introducer protocol")

func (l *remoteIntroducer) Check(ctx context.Context) error {
	v, err := l.r.Call(ctx, "get_version", foolscap.Args{})
	if err != nil {
		return err
	}
	versions, _ := v.(foolscap.Dict)
	if _, ok := versions.Get(protocol2); !ok {
		return errTooOld
	}
	return nil
}

func (l *remoteIntroducer) Publish(ctx context.Context, a Signed) error {
	_, err := l.r.Call(ctx, "publish_v2", foolscap.Positional(a.tuple(), canary{}))
	return err
}

// oldestSupported is what the original's nodes say, and nobody reads.
const oldestSupported = "1.0.0"

func (l *remoteIntroducer) Subscribe(ctx context.Context, service string, i Info, heard func([]Signed)) error {
	about := foolscap.Dict{
		{Key: []byte("version"), Value: int64(0)},
		{Key: []byte("nickname"), Value: i.Nickname},
		{Key: []byte("app-versions"), Value: []foolscap.Value{}},
		{Key: []byte("my-version"), Value: i.Version},
		{Key: []byte("oldest-supported"), Value: oldestSupported},
	}
	_, err := l.r.Call(ctx, "subscribe_v2", foolscap.Positional(&subscriber{heard}, []byte(service), about))
	return err
}

func (l *remoteIntroducer) Done() <-chan struct{} { return l.r.Done() }
func (l *remoteIntroducer) Where() string         { return "tcp:" + l.r.Addr().String() }
func (l *remoteIntroducer) Close()                { l.r.Disconnect(errUnused) }

var errUnused = errors.New("this node no longer uses the introducer by this connection")

// A canary is an object of ours that an introducer holds, so that it notices when we are gone. It can do nothing.
type canary struct{}

func (canary) Call(context.Context, string, foolscap.Args) (foolscap.Value, error) {
	return nil, violation("a canary has no methods")
}

// A subscriber is our object that an introducer tells of announcements.
type subscriber struct{ heard func([]Signed) }

func (*subscriber) RemoteInterface() string { return subscriberInterface }

func (s *subscriber) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	if method != "announce_v2" {
		return nil, violation("a subscriber has no method of this name")
	}
	values, err := args.Bind([]string{"announcements"})
	if err != nil {
		return nil, err
	}
	var items []foolscap.Value
	switch v := values[0].(type) {
	case foolscap.Set:
		items = v
	case foolscap.FrozenSet:
		items = v
	default:
		return nil, violation("announcements come in a set")
	}
	batch := make([]Signed, len(items))
	for i, item := range items {
		batch[i], _ = signedOf(item) // what is none is refused when it is verified
	}
	s.heard(batch)
	return nil, nil
}
