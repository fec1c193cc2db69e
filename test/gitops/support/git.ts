/** A Git repository that is served over loopback HTTP, to clone from and to push to, as a forge does. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../../../tools/base/run';

const BRANCH = 'main';
const ARTIFACTS = '/artifacts/';
const SPLIT = Buffer.from('\r\n\r\n');

/** A commit as an archive, the way Flux's source-controller publishes it. */
export interface Artifact {
  url: string;
  path: string;
  revision: string;
  digest: string;
  size: number;
}

/** One repository with the branch `main`, and a clone of it to commit in. */
export class GitRepository {
  private readonly clone: string;
  private readonly artifacts = new Map<string, Buffer>();
  private constructor(
    private readonly dir: string,
    private readonly server: Server,
  ) {
    this.clone = join(dir, 'clone');
  }

  /** Makes an empty repository below `dir` and serves it. */
  static async serve(dir: string): Promise<GitRepository> {
    mkdirSync(dir, { recursive: true });
    const bare = join(dir, 'repo.git');
    await run('git', ['init', '--quiet', '--bare', `--initial-branch=${BRANCH}`, bare]);
    await run('git', ['-C', bare, 'config', 'http.receivepack', 'true']);
    const server = createServer();
    const repository = new GitRepository(dir, server);
    server.on('request', (request, response) => repository.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await run('git', ['clone', '--quiet', repository.url, repository.clone]);
    return repository;
  }

  get url(): string {
    return `${this.origin}/repo.git`;
  }

  /** Writes a file of the clone. */
  write(path: string, content: string): void {
    const file = join(this.clone, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Copies a file or folder into the clone. */
  copy(from: string, path: string): void {
    cpSync(from, join(this.clone, path), { recursive: true });
  }

  /** Commits everything and pushes it. Returns the commit's hash. */
  async push(message: string): Promise<string> {
    const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];
    await this.git('add', '--all');
    await this.git(...author, 'commit', '--quiet', '-m', message);
    await this.git('push', '--quiet', 'origin', `HEAD:${BRANCH}`);
    return (await this.git('rev-parse', 'HEAD')).trim();
  }

  /** The last commit as a tar.gz that this repository's server hands out. */
  async archive(): Promise<Artifact> {
    const commit = (await this.git('rev-parse', 'HEAD')).trim();
    const tar = join(this.dir, `${commit}.tar`);
    await this.git('archive', '--format=tar', `--output=${tar}`, 'HEAD');
    const bytes = gzipSync(readFileSync(tar));
    rmSync(tar);
    const path = `${ARTIFACTS}${commit}.tar.gz`;
    this.artifacts.set(path, bytes);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const revision = `${BRANCH}@sha1:${commit}`;
    return { url: `${this.origin}${path}`, path: path.slice(1), revision, digest, size: bytes.length };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.dir, { recursive: true, force: true });
  }

  private get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private git(...args: string[]): Promise<string> {
    return run('git', ['-C', this.clone, ...args]);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
    const artifact = this.artifacts.get(pathname);
    if (artifact) response.end(artifact);
    else if (pathname.startsWith(ARTIFACTS)) response.writeHead(404).end();
    else this.backend(pathname, search.slice(1), request, response);
  }

  /** Git's own server side, a CGI program (RFC 3875). */
  private backend(path: string, query: string, request: IncomingMessage, response: ServerResponse): void {
    const { headers, method } = request;
    const cgi = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: this.dir,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: path,
        QUERY_STRING: query,
        REQUEST_METHOD: method,
        CONTENT_TYPE: headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    request.pipe(cgi.stdin);
    cgi.stdin.on('error', () => undefined);
    const output: Buffer[] = [];
    cgi.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    cgi.once('close', () => sendCgiOutput(Buffer.concat(output), response));
  }
}

/** Header lines, among them perhaps `Status`, an empty line, the body. */
function sendCgiOutput(output: Buffer, response: ServerResponse): void {
  const end = output.indexOf(SPLIT);
  const lines = output.subarray(0, Math.max(end, 0)).toString().split('\r\n').filter(Boolean);
  const headers = new Map(lines.map((line) => [line.split(': ')[0] ?? '', line.slice(line.indexOf(': ') + 2)]));
  const status = end < 0 ? 500 : Number.parseInt(headers.get('Status') ?? '200', 10);
  headers.delete('Status');
  response.writeHead(status, Object.fromEntries(headers)).end(end < 0 ? '' : output.subarray(end + SPLIT.length));
}
