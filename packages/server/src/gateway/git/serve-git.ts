/** One request of the smart HTTP protocol, served by one git process. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { addAbortSignal, type Readable, Transform, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fail } from '@berth/contract';
import type { HostGit } from '../../git/git.ts';
import type { HostProcess, ProgramLimits } from '../../system/host-processes.ts';
import { explainNoSpace } from '../../system/no-space.ts';
import { encodeFetchHead, type FetchHead, parseFetchHead } from './fetch-wants.ts';
import { FLUSH, pktLine } from './pkt-line.ts';
import {
  ABSENT,
  encodePushHead,
  MAX_PUSH_OBJECTS,
  type Push,
  type PushCommand,
  parsePackHead,
  parsePushHead,
  type Refusal,
  refusalReport,
  refusals,
} from './push-commands.ts';
import { advertising, explaining } from './push-words.ts';

export type PackProgram = 'upload-pack' | 'receive-pack';

/** The rights of a token. */
export interface GitGrant {
  readonly workspaceId: string;
  /** Refs it may read in addition to tags: exact names, or prefixes that end in `/`. */
  readonly readRefs: readonly string[];
  /** Refs it may read and write. */
  readonly writeRefs: readonly string[];
}

export interface GitHttpLimits {
  /** Of a request after decompression, so also of a push. */
  readonly maxRequestBytes: number;
  readonly requestTimeoutMs: number;
  /** Concurrent git processes. */
  readonly maxProcesses: number;
  /** Per sandbox; further requests wait for a while, and are refused when too many wait. */
  readonly maxProcessesPerSandbox: number;
  readonly maxWaitingPerSandbox: number;
  readonly waitMs: number;
  /** Concurrent pushes; two per sandbox. */
  readonly maxPushes: number;
  /** CPU time of pushes, and of fetches, per sandbox; it refills within `refillMs`. */
  readonly pushSeconds: number;
  readonly fetchSeconds: number;
  readonly refillMs: number;
  /** A client that sends or receives less than `minClientBytes` in this time, while git waits for it, is cut off. */
  readonly clientIdleMs: number;
  readonly minClientBytes: number;
  /** Reserve on the hub's disk: a push that would use it is refused. */
  readonly reserveBytes: number;
  /** At most this share of the disk is reserved: small disks stay usable. */
  readonly maxReserveShare: number;
}

/** Common to HTTP/1 requests and those of Node's HTTP/2 compatibility layer. */
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
  /** The first request of a session: the ref advertisement. */
  readonly advertise: boolean;
  readonly grant: GitGrant;
  readonly limits: GitHttpLimits;
  /** Notified of every chunk of the request body and of the response. */
  readonly received: (bytes: number) => void;
  readonly taken: (bytes: number) => void;
  /** The remaining quota of this push. */
  readonly maxPushBytes: number;
  /** CPU time limit per process of this request; reports their total usage. */
  readonly maxSeconds: number;
  readonly spent: (seconds: number) => void;
  /** Why pushes are refused now. */
  readonly refusal?: string | undefined;
  readonly git: HostGit;
  /** The folder of the hook that checks pushes. */
  readonly hooks: string;
}

/** A file of some 150 MB sent as a delta, with its base; or a million objects. */
export const PUSH_LIMITS = { memoryBytes: 384 * 2 ** 20, cpuSeconds: 120, isYielding: true } as const;
/** The object lists of a repository with ten million objects. */
const FETCH_LIMITS = { memoryBytes: 2 ** 31, cpuSeconds: 600, isYielding: true } as const;

/** 600 000 `have` lines; each is looked up. */
const MAX_FETCH_REQUEST_BYTES = 32 * 2 ** 20;
const STDERR_TAIL_BYTES = 4096;
const GIT_SHARE = 0.9;

/** Responds completely. Rejects when git or the connection failed. */
export const serveGit = async (call: GitCall): Promise<void> => {
  const signal = AbortSignal.timeout(call.limits.requestTimeoutMs);
  if (call.advertise) return exchange(call, signal, undefined);
  const body = addAbortSignal(signal, bodyOf(call));
  if (call.service === 'upload-pack') return serveFetch(call, signal, body);

  const head = await readHead(body, parsePushHead);
  if (head.kind === 'malformed') {
    await drain(body);
    return finish(call.response, 400, `The push cannot be read: ${head.reason}.\n`);
  }
  const refused = refusals(head.push, call.grant.writeRefs);
  if (refused.length === 0) refused.push(...(await excess(call, body, head.push)));
  if (refused.length > 0) {
    await drain(body);
    call.response.writeHead(200, contentType(call, 'result'));
    call.response.end(refusalReport(head.push, refused));
    return;
  }
  return exchange(call, signal, body, encodePushHead(head.push));
};

/** Checks limits on a push's own declarations, before git reads it. */
const excess = async (call: GitCall, body: Readable, { commands }: Push): Promise<Refusal[]> => {
  const all = (reason: string) => commands.map(({ ref }) => ({ ref, reason }));
  if (call.refusal !== undefined) return all(call.refusal);
  // A client first probes whether it may push at all.
  if (commands.length === 0) return [];
  if (await makesTooManyRefs(call, commands))
    return all(
      `The push exceeds the limit of ${MAX_REFS_PER_PREFIX} refs that a sandbox may create under one prefix`,
    );
  const pack = await readHead(body, parsePackHead);
  if (pack.kind === 'malformed') return all(`The push has no pack: ${pack.reason}`);
  if (pack.objects <= MAX_PUSH_OBJECTS) return [];
  return all(`The push has ${pack.objects} objects; the limit is ${MAX_PUSH_OBJECTS}`);
};

/** Every git process reads all refs; a task adds one in each round. */
const MAX_REFS_PER_PREFIX = 200;

const makesTooManyRefs = async (
  { git, gitDir, grant }: GitCall,
  commands: readonly PushCommand[],
): Promise<boolean> => {
  for (const prefix of grant.writeRefs.filter((ref) => ref.endsWith('/'))) {
    const made = commands.filter(({ from, ref }) => from === ABSENT && ref.startsWith(prefix)).length;
    if (made === 0) continue;
    const args = [`--count=${MAX_REFS_PER_PREFIX}`, '--format=x', '--', prefix.slice(0, -1)];
    const { stdout } = await git.run(['for-each-ref', ...args], { gitDir });
    if (stdout.length / 2 + made > MAX_REFS_PER_PREFIX) return true;
  }
  return false;
};

/** Git checks that commits are reachable from advertised refs; other objects would pass unchecked. */
const serveFetch = async (call: GitCall, signal: AbortSignal, body: Readable): Promise<void> => {
  const head: Exclude<FetchHead, { kind: 'more' }> = await readHead(body, parseFetchHead);
  const refused = head.kind === 'malformed' ? head.reason : await objectionTo(call, head.fetch.wants);
  if (head.kind === 'fetch' && refused === undefined)
    return exchange(call, signal, body, encodeFetchHead(head.fetch));
  await drain(body);
  return finish(call.response, 400, `The fetch is refused: ${refused}.\n`);
};

const objectionTo = async (
  { git, gitDir }: GitCall,
  wants: readonly string[],
): Promise<string | undefined> => {
  const args = ['cat-file', '--batch-check=%(objecttype) %(objectname)', '--buffer'] as const;
  const { stdout } = await git.run(args, { gitDir, input: `${wants.join('\n')}\n` });
  const other = stdout.split('\n').find((line) => /^(?:blob|tree) /.test(line));
  return other === undefined ? undefined : `${other} is not a commit`;
};

/** Runs git between request body and response. */
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
    // Git may exit without reading everything; its exit status decides.
    const fed = body === undefined ? stdin.end() : pipeline(body, stdin, { signal }).catch(onlyClosedPipe);
    const said = [stdout, ...wordsOf(call), counting(call.taken), call.response];
    await Promise.all([fed, pipeline(said, { signal })]);
  } catch (thrown) {
    git.end();
    throw thrown;
  } finally {
    call.spent(await git.spentSeconds());
  }
  const code = await git.ended;
  // When the response has started, the client sees the failure in the protocol; this is for the log.
  if (code === 0) return;
  const detail = stderr().trim() || `exit ${code}`;
  throw explainNoSpace(fail('git.failed', { act: call.service, detail }), call.gitDir);
};

const wordsOf = (call: GitCall): Transform[] => {
  if (call.service !== 'receive-pack') return [];
  return [call.advertise ? advertising('no-thin') : explaining(limitsOf(call))];
};

const limitsOf = ({ service, maxSeconds }: GitCall): ProgramLimits => {
  const limits = service === 'receive-pack' ? PUSH_LIMITS : FETCH_LIMITS;
  return { ...limits, cpuSeconds: Math.max(1, Math.min(limits.cpuSeconds, Math.ceil(maxSeconds))) };
};

/** A chunk has been taken when the next one arrives: the response applies backpressure. */
const counting = (taken: (bytes: number) => void): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      taken(chunk.length);
      done(null, chunk);
    },
  });

const start = (call: GitCall, signal: AbortSignal): Promise<HostProcess> => {
  const settings = [
    ...hiddenRefs(call.grant),
    'uploadpack.allowTipSHA1InWant=false',
    'uploadpack.allowReachableSHA1InWant=false',
    'uploadpack.allowAnySHA1InWant=false',
    'uploadpack.allowFilter=false',
    `core.hooksPath=${call.hooks}`,
    'receive.fsckObjects=true',
    'receive.denyDeletes=true',
    'receive.autogc=false',
    // As a pack, whatever its size: a gc removes folders of loose objects while a push moves files into them.
    'receive.unpackLimit=1',
    'receive.advertisePushOptions=false',
    // Slightly below our own cap, so that git reports it to the client.
    `receive.maxInputSize=${Math.floor(Math.min(call.limits.maxRequestBytes * GIT_SHARE, call.maxPushBytes))}`,
  ].flatMap((setting) => ['-c', setting]);
  const mode = ['--stateless-rpc', ...(call.advertise ? ['--http-backend-info-refs'] : [])];
  const { git, gitDir, service } = call;
  // A thin pack could use any object of the repository as a delta base, and so exfiltrate it. Git's option is for its
  // own tests, and not visible to clients; see `advertising`.
  if (service === 'receive-pack') mode.unshift('--reject-thin-pack-for-testing');
  // Without GIT_PROTOCOL: version 0, see fetch-wants.ts.
  const options = { gitDir, signal, limits: limitsOf(call), isMetered: true };
  return git.start([...settings, service, ...mode, gitDir], options);
};

/** Everything is hidden except the grant's refs and the tags, which come only from the source. */
const hiddenRefs = ({ readRefs, writeRefs }: GitGrant): string[] => [
  'transfer.hideRefs=refs',
  'transfer.hideRefs=!refs/tags',
  ...[...readRefs, ...writeRefs].map((ref) => `transfer.hideRefs=!${ref.replace(/\/$/, '')}`),
];

/** The decompressed request body, aborted beyond the cap. */
const bodyOf = ({ request, service, limits, received }: GitCall): Readable => {
  const most = service === 'upload-pack' ? MAX_FETCH_REQUEST_BYTES : limits.maxRequestBytes;
  const limitBytes = Math.min(most, limits.maxRequestBytes);
  let seen = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      received(chunk.length);
      if (seen > limitBytes) {
        done(fail('request.too_large', { limitBytes }));
      } else done(null, chunk);
    },
  });
  const zipped = /^(x-)?gzip$/.test(request.headers['content-encoding'] ?? '');
  const parts = zipped ? [request, createGunzip(), meter] : [request, meter];
  // A failure reaches the reader of `meter`, which is destroyed with it.
  pipeline(parts).catch((thrown: unknown) => meter.destroy(thrown instanceof Error ? thrown : undefined));
  // The reader sees the failure; without a reader it must not crash the server.
  return meter.on('error', () => request.destroy());
};

type Unfinished = { readonly kind: 'more'; readonly neededBytes: number };
type Malformed = { readonly kind: 'malformed'; readonly reason: string };

/** Consumes what `parse` accepts from the front of the body and leaves the rest. */
const readHead = async <H extends { readonly bodyAt: number }>(
  body: Readable,
  parse: (bytes: Buffer) => H | Unfinished | Malformed,
): Promise<H | Malformed> => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let neededBytes = 0;
  // The body stays usable: the rest is for git.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < neededBytes) continue;
    const bytes = Buffer.concat(chunks.splice(0));
    const head = parse(bytes);
    if ('neededBytes' in head) {
      chunks.push(bytes);
      neededBytes = head.neededBytes;
    } else {
      if ('bodyAt' in head && head.bodyAt < bytes.length) body.unshift(bytes.subarray(head.bodyAt));
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
