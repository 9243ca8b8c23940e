/** One request of the smart HTTP protocol, served by one git process. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { addAbortSignal, type Readable, Transform, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fail } from '@berth/contract';
import type { HostProcess } from '../system/host-processes.ts';
import type { StartGit } from './git.ts';
import { FLUSH, pktLine } from './pkt-line.ts';
import { encodePushHead, type PushHead, parsePushHead, refusalReport, refusals } from './push-commands.ts';

export type PackProgram = 'upload-pack' | 'receive-pack';

/** What a token may do. */
export interface GitGrant {
  readonly workspaceId: string;
  /** Refs it may write: exact names, or prefixes that end in `/`. */
  readonly writeRefs: readonly string[];
}

export interface GitHttpLimits {
  /** Of a request after decompression; so also of a push. */
  readonly maxRequestBytes: number;
  readonly requestTimeoutMs: number;
  /** Git processes at one time. */
  readonly maxProcesses: number;
  /** Of those, for one sandbox; further requests of it wait for a while, and are refused when too many do. */
  readonly maxProcessesPerSandbox: number;
  readonly maxWaitingPerSandbox: number;
  readonly waitMs: number;
  /** A client that neither sends nor takes for this long is ended. */
  readonly clientIdleMs: number;
}

/** What HTTP/1 requests and those of Node's HTTP/2 compatibility layer have in common. */
export type GitRequest = Readable & {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
};
export type GitResponse = Writable & {
  readonly headersSent: boolean;
  writeHead(status: number, headers?: OutgoingHttpHeaders): unknown;
};

export interface GitCall {
  readonly request: GitRequest;
  readonly response: GitResponse;
  readonly gitDir: string;
  readonly service: PackProgram;
  /** The first request of a conversation: which refs are there. */
  readonly advertise: boolean;
  readonly grant: GitGrant;
  readonly limits: GitHttpLimits;
  /** Told of every piece of the request's body. */
  readonly received: () => void;
  readonly start: StartGit;
}

const STDERR_TAIL_BYTES = 4096;
const GIT_SHARE = 0.9;

/** Answers the request completely. Rejects when git or the connection failed. */
export const serveGit = async (call: GitCall): Promise<void> => {
  const signal = AbortSignal.timeout(call.limits.requestTimeoutMs);
  if (call.advertise) return exchange(call, signal, undefined);
  const body = addAbortSignal(signal, bodyOf(call));
  if (call.service === 'upload-pack') return exchange(call, signal, body);

  const head = await readPushHead(body);
  if (head.kind === 'malformed') {
    await drain(body);
    return finish(call.response, 400, `The push cannot be read: ${head.reason}.\n`);
  }
  const refused = refusals(head.push, call.grant.writeRefs);
  if (refused.length > 0) {
    await drain(body);
    call.response.writeHead(200, contentType(call, 'result'));
    call.response.end(refusalReport(head.push, refused));
    return;
  }
  return exchange(call, signal, body, encodePushHead(head.push));
};

/** Runs git between the request's body and the response. */
const exchange = async (
  call: GitCall,
  signal: AbortSignal,
  body: Readable | undefined,
  head?: Buffer,
): Promise<void> => {
  const git = await start(call, signal);
  const stderr = tailOf(git);
  const { stdin, stdout } = git;
  call.response.writeHead(200, contentType(call, call.advertise ? 'advertisement' : 'result'));
  if (call.advertise) call.response.write(Buffer.concat([pktLine(`# service=git-${call.service}\n`), FLUSH]));
  if (head !== undefined) stdin.write(head);
  try {
    // Git may end without reading everything; what counts is how it ends.
    const fed = body === undefined ? stdin.end() : pipeline(body, stdin, { signal }).catch(onlyClosedPipe);
    await Promise.all([fed, pipeline(stdout, call.response, { signal })]);
  } catch (thrown) {
    git.end();
    throw thrown;
  }
  const code = await git.ended;
  // With the answer already sent, a client sees its failure in the protocol; this is for our log.
  if (code !== 0) throw fail('git.failed', { act: call.service, detail: stderr().trim() || `exit ${code}` });
};

const start = (call: GitCall, signal: AbortSignal): Promise<HostProcess> => {
  const protocol = call.request.headers['git-protocol'];
  const settings = [
    ...hiddenRefs(call.grant.writeRefs),
    'uploadpack.allowTipSHA1InWant=true',
    'uploadpack.allowReachableSHA1InWant=true',
    'receive.fsckObjects=true',
    'receive.denyDeletes=true',
    'receive.autogc=false',
    // As a pack, whatever its size: a collection removes folders of loose objects while a push moves into them.
    'receive.unpackLimit=1',
    'receive.advertisePushOptions=false',
    // A little less than our own cap, so that git is the one who says so to the client.
    `receive.maxInputSize=${Math.floor(call.limits.maxRequestBytes * GIT_SHARE)}`,
  ].flatMap((setting) => ['-c', setting]);
  const mode = ['--stateless-rpc', ...(call.advertise ? ['--http-backend-info-refs'] : [])];
  const env =
    typeof protocol === 'string' && /^[a-z0-9=:.-]{1,64}$/i.test(protocol) ? { GIT_PROTOCOL: protocol } : {};
  const { gitDir, service } = call;
  return call.start([...settings, service, ...mode, gitDir], { gitDir, env, signal });
};

/** Everything is hidden but branches, tags, and what the grant may write. */
const hiddenRefs = (writeRefs: readonly string[]): string[] => [
  'transfer.hideRefs=refs',
  'transfer.hideRefs=!refs/heads',
  'transfer.hideRefs=!refs/tags',
  ...writeRefs.map((ref) => `transfer.hideRefs=!${ref.replace(/\/$/, '')}`),
];

/** The request's body as it was before compression, ended by force beyond the cap. */
const bodyOf = ({ request, limits, received }: GitCall): Readable => {
  let seen = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      received();
      if (seen > limits.maxRequestBytes) {
        done(fail('request.too_large', { limitBytes: limits.maxRequestBytes }));
      } else done(null, chunk);
    },
  });
  const zipped = /^(x-)?gzip$/.test(request.headers['content-encoding'] ?? '');
  const parts = zipped ? [request, createGunzip(), meter] : [request, meter];
  // A failure reaches the reader of `meter`, which is destroyed with it.
  pipeline(parts).catch((thrown: unknown) => meter.destroy(thrown instanceof Error ? thrown : undefined));
  // Whoever reads sees the failure; when nobody does any more, it must not end the server.
  return meter.on('error', () => request.destroy());
};

/** Takes the list of commands off the front of the body and leaves the rest in it. */
const readPushHead = async (body: Readable): Promise<Exclude<PushHead, { kind: 'more' }>> => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let neededBytes = 0;
  // The body stays usable: what comes after the list is git's.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < neededBytes) continue;
    const bytes = Buffer.concat(chunks.splice(0));
    const head = parsePushHead(bytes);
    if (head.kind === 'more') {
      chunks.push(bytes);
      neededBytes = head.neededBytes;
    } else {
      if (head.kind === 'push' && head.bodyAt < bytes.length) body.unshift(bytes.subarray(head.bodyAt));
      return head;
    }
  }
  return { kind: 'malformed', reason: 'it ends too early' };
};

/** A client writes its whole request before it reads the answer. */
const drain = async (body: Readable): Promise<void> => {
  body.resume();
  await finished(body);
};

const contentType = (call: GitCall, part: 'advertisement' | 'result') => ({
  'content-type': `application/x-git-${call.service}-${part}`,
  'cache-control': 'no-store',
});

const finish = (response: GitResponse, status: number, text: string): void => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
};

const tailOf = (git: HostProcess): (() => string) => {
  let tail = '';
  git.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_BYTES);
  });
  return () => tail;
};

const onlyClosedPipe = (thrown: unknown): void => {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code !== 'EPIPE' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw thrown;
};
