import {
  type CommitId,
  fail,
  type RepositoryStatus,
  type SandboxCreate,
  type Sandbox as SandboxRecord,
} from '@berth/contract';
import type { Ids, Store } from '@berth/core';
import type { Sandbox } from '@berth/plugin-api';
import type { z } from 'zod';
import { createFairShare } from '../../system/fair-share.ts';
import type { Caller, HandlersOf } from '../handler-types.ts';
import { UPLOAD_LIMIT_BYTES } from '../upload.ts';
import { findRecord, pageOfRecords } from './pages.ts';
import { followExec, runExec } from './sandbox-exec.ts';
import { talkWithPort } from './sandbox-port.ts';
import { type OpenTerminal, talkWithTerminal } from './sandbox-shell.ts';

type Commit = z.infer<typeof CommitId>;

export interface SandboxAccess {
  /** Resolves when it is running. */
  create(wanted: SandboxCreate, caller: Caller, id?: string): Promise<SandboxRecord>;
  remove(id: string, caller: Caller): Promise<SandboxRecord>;
  /**
   * The inside of a sandbox, for an authorised caller. Rejects with `record.missing`, `auth.forbidden`,
   * `sandbox.not_running` or `sandbox.unreachable`.
   */
  open(id: string, caller: Caller): Promise<Sandbox>;
  shell(
    id: string,
    caller: Caller,
    size: { readonly columns: number; readonly rows: number },
  ): Promise<OpenTerminal>;
  readonly repositories: {
    status(id: string, caller: Caller, repository: string): Promise<z.infer<typeof RepositoryStatus>>;
    /** Unified diff of the working tree against its commit. */
    diff(id: string, caller: Caller, repository: string): Promise<string>;
    commit(id: string, caller: Caller, repository: string, message: string): Promise<Commit>;
    push(
      id: string,
      caller: Caller,
      repository: string,
    ): Promise<{ readonly ref: string; readonly commit: Commit }>;
  };
}

/** Concurrent foreground commands: an ordinary sandbox has processes for this many, the others are queued. */
const COMMANDS = {
  what: 'concurrent commands in this sandbox',
  total: 4096,
  perOwner: 32,
  waitingPerOwner: 1000,
  waitMs: 15 * 60_000,
} as const;

/** Each holds some hundred KiB at most: 64 KiB of the guest's, and a window in each direction. */
const PORT_CONNECTIONS = {
  what: 'connections to ports of this sandbox',
  total: 512,
  perOwner: 64,
  waitingPerOwner: 64,
  waitMs: 10_000,
} as const;

const TERMINAL_SIZE = { columns: 80, rows: 24 };

export const sandboxHandlers = (store: Store, ids: Ids, sandboxes: SandboxAccess): HandlersOf<'sandbox'> => {
  const commands = createFairShare(COMMANDS);
  const ports = createFairShare(PORT_CONNECTIONS);
  return {
    'sandbox.create': ({ body, caller, recordId }) => sandboxes.create(body, caller, recordId),
    'sandbox.list': ({ query: { state, workspaceId, ...page } }) =>
      pageOfRecords(store, 'sandboxes', page, { state, workspaceId }),
    'sandbox.get': ({ params }) => findRecord(store, 'sandboxes', params.id),
    'sandbox.remove': ({ params, caller }) => sandboxes.remove(params.id, caller),
    'sandbox.exec': async ({ params, body, caller, signal }) => {
      const sandbox = await sandboxes.open(params.id, caller);
      const run = () => runExec(sandbox, { id: ids.new('exec'), request: body, signal });
      // A background command returns immediately; the sandbox limits how many may run.
      if (body.background) return run();
      const giveBack = await commands.take(params.id, 1, signal);
      return run().finally(giveBack);
    },
    'sandbox.logs': async ({ params, query, caller, signal }) => {
      const process = await findProcess(await sandboxes.open(params.id, caller), params.execId);
      const from = { stdout: query.stdoutCursor ?? 0, stderr: query.stderrCursor ?? 0 };
      return followExec(process.output(from, signal));
    },
    'sandbox.signal': async ({ params, body, caller }) => {
      const process = await findProcess(await sandboxes.open(params.id, caller), params.execId);
      await process.signal(body.signal);
      return {};
    },
    'sandbox.shell': async ({ params, query, caller }) => {
      const { columns = TERMINAL_SIZE.columns, rows = TERMINAL_SIZE.rows } = query;
      const terminal = await sandboxes.shell(params.id, caller, { columns, rows });
      return (socket) => talkWithTerminal(socket, terminal);
    },
    'sandbox.connectPort': async ({ params, caller, signal }) => {
      const sandbox = await sandboxes.open(params.id, caller);
      const giveBack = await ports.take(params.id, 1, signal);
      const opened = sandbox.connectPort(params.port, signal);
      opened.catch(giveBack);
      const stream = await opened;
      return (socket) => talkWithPort(socket, stream).finally(giveBack);
    },
    'sandbox.metrics': async ({ params, caller }) => (await sandboxes.open(params.id, caller)).metrics(),
    ...fileHandlers(sandboxes),
    ...repositoryHandlers(sandboxes.repositories),
  };
};

const findProcess = async (sandbox: Sandbox, execId: string) => {
  const process = await sandbox.attach(execId);
  if (process === undefined) throw fail('exec.missing', { id: execId });
  return process;
};

type FileVerbs = 'listFiles' | 'readFile' | 'writeFile' | 'makeFolder' | 'renameFile' | 'removeFile';

const fileHandlers = (
  sandboxes: Pick<SandboxAccess, 'open'>,
): Pick<HandlersOf<'sandbox'>, `sandbox.${FileVerbs}`> => ({
  'sandbox.listFiles': async ({ params, query, caller }) => {
    const { files } = await sandboxes.open(params.id, caller);
    return { entries: await files.list(query.path) };
  },
  'sandbox.readFile': async ({ params, query, caller }) => {
    const { files } = await sandboxes.open(params.id, caller);
    return files.open(query.path, UPLOAD_LIMIT_BYTES);
  },
  'sandbox.writeFile': async ({ params, query, body, caller }) => {
    const { files } = await sandboxes.open(params.id, caller);
    const { pieces, sizeBytes } = measured(body);
    await files.write(query.path, pieces(), query.mode);
    return { sizeBytes: sizeBytes() };
  },
  'sandbox.makeFolder': async ({ params, body, caller }) => {
    const { files } = await sandboxes.open(params.id, caller);
    await files.makeFolder(body.path);
    return {};
  },
  'sandbox.renameFile': async ({ params, body, caller }) => {
    const { files } = await sandboxes.open(params.id, caller);
    await files.rename(body.from, body.to);
    return {};
  },
  'sandbox.removeFile': async ({ params, query, caller }) => {
    const { files } = await sandboxes.open(params.id, caller);
    await files.remove(query.path);
    return {};
  },
});

/** Forwards chunks and counts their bytes. */
const measured = (body: AsyncIterable<Uint8Array>) => {
  let size = 0;
  return {
    sizeBytes: () => size,
    pieces: async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of body) {
        size += piece.length;
        yield piece;
      }
    },
  };
};

type RepositoryVerbs = 'gitStatus' | 'gitDiff' | 'gitCommit' | 'gitPush';

const repositoryHandlers = (
  repositories: SandboxAccess['repositories'],
): Pick<HandlersOf<'sandbox'>, `sandbox.${RepositoryVerbs}`> => ({
  'sandbox.gitStatus': ({ params, caller }) => repositories.status(params.id, caller, params.repository),
  'sandbox.gitDiff': ({ params, caller }) => repositories.diff(params.id, caller, params.repository),
  'sandbox.gitCommit': async ({ params, body, caller }) => ({
    commit: await repositories.commit(params.id, caller, params.repository, body.message),
  }),
  'sandbox.gitPush': ({ params, caller }) => repositories.push(params.id, caller, params.repository),
});
