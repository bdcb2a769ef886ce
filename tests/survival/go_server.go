// SPDX-License-Identifier: MIT
//
// A daemon in Go, linked statically and without libc: no hook ever sees it. Started without arguments it starts itself
// in a session of its own and ends when that one is ready, which has a port ($PORT), and a socket in a temporary
// directory of its own. It ends by itself after two and a half minutes.
package main

import (
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const lifetime = 150 * time.Second

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Waits until the server has closed its end of the pipe, which it does when it is ready or dead.
func start() {
	reader, writer, err := os.Pipe()
	must(err)
	server := exec.Command(os.Args[0], "serve")
	server.ExtraFiles = []*os.File{writer}
	server.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	must(server.Start())
	writer.Close()
	ready := make([]byte, 1)
	if count, _ := reader.Read(ready); count != 1 {
		log.Fatal("the server did not get ready")
	}
}

func serve() {
	directory, err := os.MkdirTemp("", "go-")
	must(err)
	_, err = net.Listen("unix", filepath.Join(directory, "s"))
	must(err)
	_, err = net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	must(err)
	ready := os.NewFile(3, "ready")
	_, err = ready.Write([]byte("r"))
	must(err)
	must(ready.Close())
	time.Sleep(lifetime)
}

func main() {
	if len(os.Args) > 1 {
		serve()
	} else {
		start()
	}
}
