package caps_test

import (
	"errors"
	"fmt"

	"tahoe/caps"
)

func ExampleParse() {
	c, err := caps.Parse("URI:CHK:yzxcoagbetwet65ltjpbqyli3m:6b7inuiha2xdtgqzd55i6aeggutnxzr6qfwpv2ep5xlln6pgef7a:1:1:56")
	if err != nil {
		fmt.Println(err)
		return
	}
	switch c := c.(type) {
	case caps.CHK:
		fmt.Println("a file of", c.Size(), "bytes; any", c.Needed(), "of", c.Total(), "shares rebuild it")
	case caps.Literal:
		fmt.Println("a small file:", c.Data())
	case caps.Unknown:
		fmt.Println("a newer version may know what this is")
	}
	fmt.Println(c) // safe to log

	_, err = caps.Parse("URI:CHK:yzxco")
	fmt.Println(errors.Is(err, caps.ErrMalformed), err)
	// Output:
	// a file of 56 bytes; any 1 of 1 shares rebuild it
	// CHK(i5nhq)
	// true malformed capability: URI:CHK: 5 fields must follow the kind, not 1
}

func ExampleVerifyOnly() {
	c, err := caps.Parse("URI:DIR2:kdtsdze4ae7qbrrm6wpscy2ufi:euxrbsbwcdv4ugqftqf25asv5orpsw7e2hl3z6uj24sivawz6eiq")
	if err != nil {
		fmt.Println(err)
		return
	}
	read, _ := caps.ReadOnly(c)
	verify, _ := caps.VerifyOnly(c)
	fmt.Println(c, "→", read, "→", verify)
	fmt.Println(verify.Encode()) // no secret
	// Output:
	// DIR2(pqpih) → DIR2-RO(pqpih) → DIR2-Verifier(pqpih)
	// URI:DIR2-Verifier:pqpihz6punyz6btf76vhyljtz4:euxrbsbwcdv4ugqftqf25asv5orpsw7e2hl3z6uj24sivawz6eiq
}

func ExampleNewLiteral() {
	c, err := caps.NewLiteral([]byte("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := caps.NewDirectory(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Encode(), d.Encode())
	fmt.Println(c, d)
	// Output:
	// URI:LIT:nbswy3dp URI:DIR2-LIT:nbswy3dp
	// LIT(5 bytes) DIR2-LIT(5 bytes)
}

func ExampleRequire() {
	c := caps.NewMutableWrite(caps.SDMF, [16]byte{1}, [32]byte{2})
	fmt.Println(caps.Require(c, caps.AnyPower))
	fmt.Println(caps.Require(c, caps.ReadOnlyPower))
	fmt.Println(caps.Require(c.ReadOnly(), caps.DeepImmutable))
	// Output:
	// <nil>
	// SSK(mux3c): capability must be read-only
	// SSK-RO(mux3c): capability must be deep-immutable
}
