/** Repositories and a hub in a temporary folder, for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { silentLog } from '@berth/core';
import { execa, execaSync } from 'execa';
import type { GitGrant, GitHttpLimits, GitRequest, GitResponse } from '../../src/gateway/git/serve-git.ts';
import { createGitHttp } from '../../src/gateway/git/smart-http.ts';
import { createHostGit } from '../../src/git/git.ts';
import { createHub } from '../../src/git/hub/hub.ts';
import { createHostProcesses } from '../../src/system/host-processes.ts';

export const WORKSPACE = 'ws_00000000000000000001';

export const sealed = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

/** Runs git for a test and returns what it printed. Throws when it fails. */
export const run = (cwd: string, args: readonly string[], env: Record<string, string> = {}): string =>
  execaSync('git', args, { cwd, env: { ...sealed, ...env }, extendEnv: false }).stdout;

/** Writes a script of shell lines in a repository: quick to read, and only tests do so. */
export const shell = (cwd: string, script: string): string =>
  execaSync('sh', ['-ec', script], { cwd, env: sealed, extendEnv: false }).stdout;

/** Git as a client with a token; resolves with its exit code and what it said. */
export const gitWithToken = async (token: string, cwd: string, args: readonly string[]) => {
  const header = ['-c', `http.extraHeader=Authorization: Bearer ${token}`];
  const done = await execa('git', [...header, ...args], {
    cwd,
    env: { ...sealed, GIT_TERMINAL_PROMPT: '0' },
    extendEnv: false,
    reject: false,
  });
  return { code: done.exitCode, said: `${done.stdout}\n${done.stderr}` };
};

export const hostGit = (env: Readonly<Record<string, string>> = sealed, silenceSeconds?: number) =>
  createHostGit({ env, silenceSeconds, processes: createHostProcesses(silentLog) });

export const createSample = async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'berth-git-'));
  const source = path.join(folder, 'source');
  shell(folder, 'git init -q -b main source; cd source; echo one > a.txt; git add .; git commit -qm first');
  const hubFolder = path.join(folder, 'hub');
  const git = hostGit().run;
  const hub = createHub({
    folder: hubFolder,
    git,
    maintenance: { maxLooseObjects: 50, maxPacks: 5, maxGrowthBytes: 2 ** 20 },
  });
  const at = (name = 'source') => path.join(hubFolder, WORKSPACE, `${name}.git`);
  return { folder, source, hubFolder, git, hub, at, end: () => rm(folder, { recursive: true, force: true }) };
};

/** The hub over HTTP on the loopback, with the tokens of a test. */
export const serveHub = async (
  hubFolder: string,
  grants: Readonly<Record<string, Omit<GitGrant, 'readRefs'> & { readRefs?: readonly string[] }>>,
  limits: Partial<GitHttpLimits> = {},
  pushBytes = Number.POSITIVE_INFINITY,
) => {
  const logged: unknown[] = [];
  const sent = new Map<string, number>();
  const handle = createGitHttp({
    folder: hubFolder,
    git: hostGit(),
    authorise: async (token) => {
      const grant = grants[token];
      return grant && { readRefs: ['refs/heads/main'], ...grant };
    },
    sent: {
      leftBytes: async (sandboxId) => pushBytes - (sent.get(sandboxId) ?? 0),
      add: async (sandboxId, bytes) => void sent.set(sandboxId, (sent.get(sandboxId) ?? 0) + bytes),
    },
    log: (message, facts) => logged.push([message, facts]),
    limits: { reserveBytes: 0, ...limits },
  });
  const listener = (request: GitRequest & { readonly url?: string | undefined }, response: GitResponse) => {
    const sandboxId = String(request.headers['x-sandbox'] ?? 'sb_1');
    void handle(request, response, { path: (request.url ?? '').replace(/^\/git/, ''), sandboxId });
  };
  const server = createServer(listener);
  const overHttp2 = createHttp2Server(listener);
  const sessions = new Set<ServerHttp2Session>();
  overHttp2.on('session', (session) => void sessions.add(session));
  const urlOf = async (one: Server | Http2Server): Promise<string> => {
    await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
  };
  const closed = (one: Server | Http2Server) => new Promise<void>((resolve) => one.close(() => resolve()));
  return {
    url: await urlOf(server),
    http2Url: await urlOf(overHttp2),
    logged,
    end: async () => {
      const all = [closed(server), closed(overHttp2)];
      server.closeAllConnections();
      for (const session of sessions) session.destroy();
      await Promise.all(all);
    },
  };
};
