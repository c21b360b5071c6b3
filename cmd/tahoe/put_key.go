package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// keyBits is the size of the keys of mutable files.
const keyBits = 2048

// readPrivateKey reads an RSA key, as PEM in either of its two forms, and returns it as PKCS #8.
func readPrivateKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	key, err := parsePrivateKey(block)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s holds no RSA private key without a password", path)
	case key.N.BitLen() != keyBits:
		return nil, fmt.Errorf("%s holds a key of %d bits; mutable files have keys of %d", path, key.N.BitLen(), keyBits)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func parsePrivateKey(block *pem.Block) (*rsa.PrivateKey, error) {
	if block.Type == "RSA PRIVATE KEY" {
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	r, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key is a %T", key)
	}
	return r, nil
}
