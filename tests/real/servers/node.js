const http = require('http'), https = require('https'), fs = require('fs');
const files = {cert: fs.readFileSync('server.pem'), key: fs.readFileSync('server.key')};
const cut = (res, status, headers) => {
  res.writeHead(status, headers);
  res.write('{"status":');
  setTimeout(() => res.socket.destroy(), 50);
};
const answers = {
  healthy: (q, r) => r.end('ok'),
  chunked: (q, r) => { r.write('o'); r.end('k'); },
  down: (q, r) => { r.writeHead(503); r.end(); },
  missing: (q, r) => { r.writeHead(404); r.end(); },
  redirect: (q, r) => { r.writeHead(302, {Location: '/elsewhere'}); r.end(); },
  large: (q, r) => r.end('x'.repeat(100000)),
  cut: (q, r) => cut(r, 200, {'Content-Length': 400}),
  'cut-chunked': (q, r) => cut(r, 200, {}),
  'cut-down': (q, r) => cut(r, 503, {'Content-Length': 400}),
  close: (q, r) => q.socket.destroy(),
  stall: (q, r) => { r.writeHead(200, {'Content-Length': 400}); r.write('{"status":'); },
  hang: () => {},
};
const answer = (q, r) => answers[q.url.slice(1).split('?')[0]](q, r);
const version = v => ({...files, minVersion: v, maxVersion: v});
const servers = {
  'plain': http.createServer(answer),
  'TLS 1.2': https.createServer(version('TLSv1.2'), answer),
  'TLS 1.3': https.createServer(version('TLSv1.3'), answer),
};
const ports = {};
for (const [name, server] of Object.entries(servers)) server.listen(0, '127.0.0.1', () => {
  ports[name] = server.address().port;
  if (Object.keys(ports).length === 3) console.log(JSON.stringify(ports));
});
