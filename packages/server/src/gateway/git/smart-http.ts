/**
 * Git's smart HTTP protocol over the hub, for the inside of sandboxes: clone, fetch, and push to the refs of a grant.
 *
 * Three requests exist below a repository: `GET info/refs?service=git-upload-pack|git-receive-pack`, `POST
 * git-upload-pack`, `POST git-receive-pack` (gitprotocol-http(5)). Each is served by one git process with the sealed
 * configuration, which sees only the client's bytes. A token opens one workspace to one sandbox; the refs of its
 * grant and their history may be read, and nothing else of the repository by any name or id. Fetches and pushes are
 * parsed before git gets them.
 */
import { stat } from 'node:fs/promises';
import { isBerthError } from '@berth/contract';
import type { Log } from '@berth/core';
import type { HostGit } from '../../git/git.ts';
import { createRepositoryFolders } from '../../git/hub/repository-folder.ts';
import { createFairShare } from '../../system/fair-share.ts';
import { explainNoSpace } from '../../system/no-space.ts';
import { watchClient } from './client-watch.ts';
import { writePushHook } from './push-hook.ts';
import { createServeInTurn, type PushBudget } from './push-queue.ts';
import type { GitGrant, GitHttpLimits, GitRequest, GitResponse, PackProgram } from './serve-git.ts';

export interface GitHttpOptions {
  /** The folder of the hub. */
  readonly folder: string;
  readonly git: HostGit;
  /** The grant of a token presented by this sandbox. */
  readonly authorise: (token: string, sandboxId: string) => Promise<GitGrant | undefined>;
  /**
   * Bytes that sandboxes have pushed to the hub, which stay there for a while: limited by the size of their disks.
   */
  readonly sent: PushBudget;
  /** Called with server-side errors; clients only get a generic message. */
  readonly log: Log['error'];
  readonly limits?: Partial<GitHttpLimits> | undefined;
}

const DEFAULT_LIMITS: GitHttpLimits = {
  maxRequestBytes: 512 * 2 ** 20,
  requestTimeoutMs: 15 * 60_000,
  maxProcesses: 32,
  maxProcessesPerSandbox: 4,
  maxWaitingPerSandbox: 32,
  waitMs: 60_000,
  maxPushes: 8,
  pushSeconds: 300,
  fetchSeconds: 1800,
  refillMs: 3_600_000,
  clientIdleMs: 120_000,
  minClientBytes: 64 * 2 ** 10,
  reserveBytes: 256 * 2 ** 20,
  maxReserveShare: 0.05,
};

export interface GitRequestInfo {
  /** The request target below `/git`: `/<workspaceId>/<name>.git/…`. */
  readonly path: string;
  readonly sandboxId: string;
}

/** Never rejects. */
export type GitHttp = (request: GitRequest, response: GitResponse, asked: GitRequestInfo) => Promise<void>;

export const createGitHttp = (options: GitHttpOptions): GitHttp => {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const folders = createRepositoryFolders(options.folder);
  const places = createFairShare({
    what: 'git requests',
    total: limits.maxProcesses,
    perOwner: limits.maxProcessesPerSandbox,
    keptForNew: Math.min(
      Math.floor(limits.maxProcesses / 2),
      limits.maxProcesses - limits.maxProcessesPerSandbox,
    ),
    waitingPerOwner: limits.maxWaitingPerSandbox,
    waitMs: limits.waitMs,
  });
  const serveInTurn = createServeInTurn({ limits, sent: options.sent });
  const hooks = createHooks(options.folder);

  const locate = async (route: Route): Promise<string | undefined> => {
    const gitDir = folders.repository(route.workspaceId, route.repository);
    const found = await stat(gitDir).catch(() => undefined);
    return found?.isDirectory() ? gitDir : undefined;
  };

  const serve = async (
    request: GitRequest,
    response: GitResponse,
    route: Route & Pick<GitRequestInfo, 'sandboxId'>,
  ): Promise<void> => {
    const token = tokenOf(request.headers.authorization);
    const grant = token === undefined ? undefined : await options.authorise(token, route.sandboxId);
    if (grant === undefined) return answer(response, 401, 'A valid token is required.');
    // The same answer for a missing repository and for one of another workspace.
    const gitDir = grant.workspaceId === route.workspaceId ? await locate(route) : undefined;
    if (gitDir === undefined) return answer(response, 404, 'Repository not found.');
    if (Number(request.headers['content-length'] ?? 0) > limits.maxRequestBytes) {
      return answer(response, 413, `A request is limited to ${limits.maxRequestBytes} bytes.`);
    }
    const left = new AbortController();
    response.once('close', () => left.abort());
    const leave = await places.take(route.sandboxId, 1, left.signal);
    const client = watchClient({ request, response, hasBody: !route.advertise }, limits);
    try {
      const { received, taken } = client;
      const call = { request, response, gitDir, grant, limits, received, taken, git: options.git, ...route };
      await serveInTurn({ ...call, hooks: await hooks() }, route.sandboxId, left.signal);
    } finally {
      client.stop();
      leave();
    }
  };

  return async (request, response, { path, sandboxId }) => {
    const route = parseRoute(request.method, path);
    if (route === undefined) return answer(response, 404, 'Not found.');
    try {
      await serve(request, response, { ...route, sandboxId });
    } catch (failure) {
      const thrown = explainNoSpace(failure, 'the repositories');
      if (!isRefused(response, thrown)) options.log('git.serve', { outcome: 'failed', path, cause: thrown });
      if (response.headersSent && !response.writableEnded) response.destroy();
      else if (!response.headersSent && !response.destroyed) answer(response, ...lastWord(thrown));
    }
  };
};

/** Written once; retried after a failure. */
const createHooks = (folder: string) => {
  let written: Promise<string> | undefined;
  return (): Promise<string> => {
    written ??= writePushHook(folder).catch((cause: unknown) => {
      written = undefined;
      throw cause;
    });
    return written;
  };
};

/** The message for a client on a server-side failure. */
const lastWord = (thrown: unknown): readonly [status: number, text: string] =>
  isBerthError(thrown) && thrown.code === 'disk.full'
    ? [INSUFFICIENT_STORAGE, thrown.message]
    : [500, 'Git failed on the server.'];

const INSUFFICIENT_STORAGE = 507;

/** True when it was not a server-side failure; the response has then been sent. */
const isRefused = (response: GitResponse, thrown: unknown): boolean => {
  if (response.destroyed) return true;
  if (!isBerthError(thrown) || response.headersSent) return false;
  // Git does not handle 429; it is retried after a 5xx.
  const status = thrown.kind === 'missing' ? 404 : thrown.code === 'server.busy' ? 503 : undefined;
  if (status !== undefined) answer(response, status, thrown.message);
  return status !== undefined;
};

interface Route {
  readonly workspaceId: string;
  readonly repository: string;
  readonly service: PackProgram;
  readonly advertise: boolean;
}

/** Names are plain; none contains a percent sign, which could hide a slash. */
const TARGET =
  /^\/([a-z0-9_]{1,64})\/([a-zA-Z0-9_][a-zA-Z0-9._-]{0,62})\.git\/([a-z/-]+)(?:\?service=([a-z-]+))?$/;

const parseRoute = (method: string | undefined, path: string): Route | undefined => {
  const [, workspaceId = '', repository = '', rest = '', asked] = TARGET.exec(path) ?? [];
  const advertise = method === 'GET' && rest === 'info/refs';
  const name = advertise ? asked : rest;
  if (!advertise && (method !== 'POST' || asked !== undefined)) return undefined;
  if (name === 'git-upload-pack') return { workspaceId, repository, service: 'upload-pack', advertise };
  if (name === 'git-receive-pack') return { workspaceId, repository, service: 'receive-pack', advertise };
  return undefined;
};

const MAX_TOKEN_LENGTH = 512;

/** From `Bearer <token>`, or the password of `Basic`. */
const tokenOf = (header: string | undefined): string | undefined => {
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(header ?? '') ?? [];
  if (value.length > 2 * MAX_TOKEN_LENGTH) return undefined;
  const token =
    scheme.toLowerCase() === 'basic'
      ? Buffer.from(value, 'base64')
          .toString()
          .replace(/^[^:]*:/, '')
      : value;
  return token === '' || token.length > MAX_TOKEN_LENGTH ? undefined : token;
};

/** A short plain-text response, which git shows to the user. */
const answer = (response: GitResponse, status: number, text: string): void => {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    ...(status === 401 ? { 'www-authenticate': 'Basic realm="berth"' } : {}),
  });
  response.end(`${text}\n`);
};
