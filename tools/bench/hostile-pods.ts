/** What one hostile Pod costs the prober: `tsx tools/bench/hostile-pods.ts [kind...]`, one line for each kind. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { systemClock } from '../../operator/kube/clock';
import { silentLogger } from '../../operator/kube/logger';
import { LOOPBACK_CIDRS } from '../../operator/probe/http-address';
import { type ProbeReport, Prober } from '../../operator/probe/prober';
import { CertificateAuthority } from '../../operator/serve/pki';

/** Measured for this long; CPU time is the prober's process alone, the Pod is another one. */
const SECONDS = 6;
/** The worst an hsd may ask for: a question a second, and half a minute for its answer. */
const SPEC = { path: '/busy', successIsBusy: true, timeoutSeconds: 30, periodSeconds: 1 };

type Abuse = (socket: Socket) => void;

const OK = 'HTTP/1.1 200 OK\r\n';

/** Writes `head`, then `text` as fast as it is taken. */
const flood =
  (head: string, text: string): Abuse =>
  (socket) => {
    socket.write(head);
    const block = text.repeat(Math.ceil(65_536 / text.length));
    const pour = (): void => {
      while (socket.writable && socket.write(block));
    };
    socket.on('drain', pour);
    pour();
  };

/** Writes `head`, then `text` again and again, each in a packet of its own. */
const drip =
  (head: string, text: string): Abuse =>
  (socket) => {
    socket.setNoDelay(true);
    socket.write(head);
    const next = (): void => {
      if (!socket.writable) return;
      for (let i = 0; i < 20; i++) socket.write(text);
      setImmediate(next);
    };
    next();
  };

const ABUSES: Readonly<Record<string, Abuse>> = {
  'an ordinary answer': (socket) => socket.end(`${OK}Content-Length: 2\r\n\r\nok`),
  'no answer': () => {},
  '1xx without end': flood('', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  '1xx with headers': flood('', `HTTP/1.1 100 Continue\r\n${'a: b\r\n'.repeat(50)}\r\n`),
  'empty lines without end': flood('', '\r\n'),
  'headers, byte by byte': drip(OK, 'a'),
  'a body, byte by byte': drip(`${OK}\r\n`, 'x'),
  'chunks of one byte': flood(`${OK}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'),
  'chunks of one byte, one by one': drip(`${OK}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'),
  'chunk extensions': flood(`${OK}Transfer-Encoding: chunked\r\n\r\n`, '1;a=b;c\r\nx\r\n'),
  'a body without end': flood(`${OK}\r\n`, 'x'),
  'a gzip bomb': flood(`${OK}Content-Encoding: gzip\r\nContent-Length: 99999999999\r\n\r\n`, '\u0000'),
  'headers without end': flood(OK, 'a: b\r\n'),
  'trailers without end': flood(`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'a: b\r\n'),
  'reset half-way': (socket) => {
    socket.write(`${OK}Content-Length: 9\r\n\r\no`);
    setImmediate(() => socket.resetAndDestroy());
  },
};

const SECURE_ABUSES: Readonly<Record<string, Abuse>> = {
  'TLS: an ordinary answer': (socket) => socket.end(`${OK}Content-Length: 2\r\n\r\nok`),
  'TLS: 1xx without end': flood('', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  'TLS: empty lines without end': flood('', '\r\n'),
  'TLS: renegotiation without end': (socket) => {
    const again = (): void => {
      if (socket.writable) (socket as TLSSocket).renegotiate({}, again);
    };
    again();
  },
};

async function serve(kind: string): Promise<void> {
  const plain = ABUSES[kind];
  const secure = SECURE_ABUSES[kind];
  const abuse = (socket: Socket, act: Abuse): void => {
    socket.on('error', () => {});
    socket.once('data', () => act(socket));
  };
  const pair = new CertificateAuthority('pods').issue({ commonName: 'pod', ips: ['127.0.0.1'], usages: ['server'] });
  const server = plain
    ? createServer((socket) => abuse(socket, plain))
    : createTlsServer({ ...pair, maxVersion: kind.includes('renegotiation') ? 'TLSv1.2' : 'TLSv1.3' }, (socket) =>
        abuse(socket, secure ?? (() => {})),
      );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send?.((server.address() as AddressInfo).port);
}

async function measure(kind: string): Promise<void> {
  const pod = fork(__filename, ['--serve', kind], { execArgv: process.execArgv });
  const [port] = (await once(pod, 'message')) as [number];
  const reports: ProbeReport[] = [];
  const prober = new Prober({
    clock: systemClock,
    logger: silentLogger,
    onChange: () => {},
    onProbe: (report) => reports.push(report),
    allowedCidrs: LOOPBACK_CIDRS,
  });
  const scheme = kind in SECURE_ABUSES ? 'HTTPS' : 'HTTP';
  const before = process.cpuUsage();
  const started = performance.now();
  prober.setTargets('ns/hostile', { ...SPEC, scheme, port }, [{ uid: 'pod', ip: '127.0.0.1', hostNetwork: false }]);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 10 / (performance.now() - started);
  await prober.stop();
  pod.kill('SIGKILL');
  const last = reports.at(-1);
  const outcome = last === undefined ? 'none' : (last.reason ?? last.state);
  process.stdout.write(
    `${kind.padEnd(32)} ${share.toFixed(1).padStart(6)} % of a core, ${reports.length} answers, the last: ${outcome}\n`,
  );
}

async function main([first, ...rest]: string[]): Promise<void> {
  if (first === '--serve') return serve(rest.join(' '));
  const kinds = Object.keys({ ...ABUSES, ...SECURE_ABUSES });
  for (const kind of kinds) if (first === undefined || kind.includes(first)) await measure(kind);
}

void main(process.argv.slice(2));
