package reactor_test

import (
	"context"
	"fmt"

	"tahoe/reactor"
)

// A node is a tree: what others need comes first, and is stopped last.
func ExampleTree() {
	service := func(name string) reactor.Child {
		return reactor.Child{Name: name, Service: reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
			fmt.Println(name, "serves")
			ready()
			<-ctx.Done()
			fmt.Println(name, "ends:", context.Cause(ctx))
			return nil
		})}
	}
	ctx, stop := context.WithCancel(context.Background())
	err := reactor.NewTree("client", service("grid"), service("web")).Run(ctx, stop)
	fmt.Println(err)
	// Output:
	// grid serves
	// web serves
	// web ends: stopping
	// grid ends: stopping
	// <nil>
}
