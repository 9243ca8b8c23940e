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

/** What a token may do. */
export interface GitGrant {
  readonly workspaceId: string;
  /** Refs it may read besides the tags: exact names, or prefixes that end in `/`. */
  readonly readRefs: readonly string[];
  /** Refs it may read and write. */
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
  /** Pushes at one time; of one sandbox there are two. */
  readonly maxPushes: number;
  /** Processor time of pushes, and of fetches, of one sandbox; what was spent comes back within `refillMs`. */
  readonly pushSeconds: number;
  readonly fetchSeconds: number;
  readonly refillMs: number;
  /** A client that sends or takes less than `minClientBytes` in this time, while git waits for it, is ended. */
  readonly clientIdleMs: number;
  readonly minClientBytes: number;
  /** What stays free on the disk of the hub: a push that would take of it is refused. */
  readonly reserveBytes: number;
  /** No more of the disk than this is kept free: a small disk can be used, too. */
  readonly maxReserveShare: number;
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
  /** Told of every piece of the request's body, and of every one of the answer. */
  readonly received: (bytes: number) => void;
  readonly taken: (bytes: number) => void;
  /** What this push may still have. */
  readonly maxPushBytes: number;
  /** What each process of this request may take of the processor; told what all of them took. */
  readonly maxSeconds: number;
  readonly spent: (seconds: number) => void;
  /** Why nothing is pushed now. */
  readonly refusal?: string | undefined;
  readonly git: HostGit;
  /** The folder of the hook that judges pushes. */
  readonly hooks: string;
}

/** A file of some 150 MB that comes as a difference, with what it differs from; or a million objects. */
export const PUSH_LIMITS = { memoryBytes: 384 * 2 ** 20, cpuSeconds: 120, isYielding: true } as const;
/** The lists of a repository with ten million objects. */
const FETCH_LIMITS = { memoryBytes: 2 ** 31, cpuSeconds: 600, isYielding: true } as const;

/** 600 000 commits that the client says to have; each is looked up. */
const MAX_FETCH_REQUEST_BYTES = 32 * 2 ** 20;
const STDERR_TAIL_BYTES = 4096;
const GIT_SHARE = 0.9;

/** Answers the request completely. Rejects when git or the connection failed. */
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

/** What is too much of a push as it says itself, before git reads it. */
const excess = async (call: GitCall, body: Readable, { commands }: Push): Promise<Refusal[]> => {
  const all = (reason: string) => commands.map(({ ref }) => ({ ref, reason }));
  if (call.refusal !== undefined) return all(call.refusal);
  // A client tries first whether it may push at all.
  if (commands.length === 0) return [];
  if (await makesTooManyRefs(call, commands))
    return all(`The push has refs beyond the ${MAX_REFS_PER_PREFIX} that a sandbox may make in one place`);
  const pack = await readHead(body, parsePackHead);
  if (pack.kind === 'malformed') return all(`The push has no pack: ${pack.reason}`);
  if (pack.objects <= MAX_PUSH_OBJECTS) return [];
  return all(`The push has ${pack.objects} objects, and one may have ${MAX_PUSH_OBJECTS}`);
};

/** Every git that opens the repository goes over all refs; of a task there is one in each round. */
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

/** Git decides which commits the shown refs lead to; whatever is no commit would pass it unseen. */
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
  return other === undefined ? undefined : `${other} is no commit`;
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
    const said = [stdout, ...wordsOf(call), counting(call.taken), call.response];
    await Promise.all([fed, pipeline(said, { signal })]);
  } catch (thrown) {
    git.end();
    throw thrown;
  } finally {
    call.spent(await git.spentSeconds());
  }
  const code = await git.ended;
  // With the answer already sent, a client sees its failure in the protocol; this is for our log.
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

/** A piece has been taken when the next one comes: the response takes no more than it can pass on. */
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
    // As a pack, whatever its size: a collection removes folders of loose objects while a push moves into them.
    'receive.unpackLimit=1',
    'receive.advertisePushOptions=false',
    // A little less than our own cap, so that git is the one who says so to the client.
    `receive.maxInputSize=${Math.floor(Math.min(call.limits.maxRequestBytes * GIT_SHARE, call.maxPushBytes))}`,
  ].flatMap((setting) => ['-c', setting]);
  const mode = ['--stateless-rpc', ...(call.advertise ? ['--http-backend-info-refs'] : [])];
  const { git, gitDir, service } = call;
  // A thin pack could name any object of the repository as the base of a new one, and bring it out so. Git's option is
  // for its own tests, and says nothing to clients; see `advertising`.
  if (service === 'receive-pack') mode.unshift('--reject-thin-pack-for-testing');
  // Without GIT_PROTOCOL: version 0, see fetch-wants.ts.
  const options = { gitDir, signal, limits: limitsOf(call), isMetered: true };
  return git.start([...settings, service, ...mode, gitDir], options);
};

/** Everything is hidden but what the grant names, and the tags, which come from the source alone. */
const hiddenRefs = ({ readRefs, writeRefs }: GitGrant): string[] => [
  'transfer.hideRefs=refs',
  'transfer.hideRefs=!refs/tags',
  ...[...readRefs, ...writeRefs].map((ref) => `transfer.hideRefs=!${ref.replace(/\/$/, '')}`),
];

/** The request's body as it was before compression, ended by force beyond the cap. */
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
  // Whoever reads sees the failure; when nobody does any more, it must not end the server.
  return meter.on('error', () => request.destroy());
};

type Unfinished = { readonly kind: 'more'; readonly neededBytes: number };
type Malformed = { readonly kind: 'malformed'; readonly reason: string };

/** Takes what `parse` understands off the front of the body and leaves the rest in it. */
const readHead = async <H extends { readonly bodyAt: number }>(
  body: Readable,
  parse: (bytes: Buffer) => H | Unfinished | Malformed,
): Promise<H | Malformed> => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let neededBytes = 0;
  // The body stays usable: what comes after the list is git's.
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
