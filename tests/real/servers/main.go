package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func answer(w http.ResponseWriter, r *http.Request) {
	begin := func(status int, length string) {
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		w.WriteHeader(status)
		w.Write([]byte("{\"status\":"))
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond)
	}
	switch r.URL.Path[1:] {
	case "healthy":
		w.Write([]byte("ok"))
	case "chunked":
		w.Write([]byte("o"))
		w.(http.Flusher).Flush()
		w.Write([]byte("k"))
	case "down":
		w.WriteHeader(503)
	case "missing":
		w.WriteHeader(404)
	case "redirect":
		http.Redirect(w, r, "/elsewhere", 302)
	case "large":
		w.Write([]byte(strings.Repeat("x", 100000)))
	case "cut":
		begin(200, "400")
		panic(http.ErrAbortHandler)
	case "cut-chunked":
		begin(200, "")
		panic(http.ErrAbortHandler)
	case "cut-down":
		begin(503, "400")
		panic(http.ErrAbortHandler)
	case "close":
		panic(http.ErrAbortHandler)
	case "stall":
		begin(200, "400")
		time.Sleep(time.Minute)
	case "hang":
		time.Sleep(time.Minute)
	}
}

func main() {
	pair, err := tls.LoadX509KeyPair("server.pem", "server.key")
	if err != nil {
		panic(err)
	}
	ports := map[string]int{}
	for name, version := range map[string]uint16{"plain": 0, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		ports[name] = listener.Addr().(*net.TCPAddr).Port
		if version != 0 {
			config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version}
			listener = tls.NewListener(listener, config)
		}
		go http.Serve(listener, http.HandlerFunc(answer))
	}
	json.NewEncoder(os.Stdout).Encode(ports)
	select {}
}
