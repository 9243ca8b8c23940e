/** Errors of the server itself: its home, database, settings and listeners. */
import { z } from 'zod';
import type { ErrorShape } from './kernel/error.ts';

export const Issue = z.object({
  /** JSON path of the problem, such as `body.repositories[0].branch`. */
  path: z.string(),
  message: z.string(),
});
export type Issue = z.infer<typeof Issue>;

const reason = z.object({ reason: z.string() });

/** The flag, variable or file key that set it; absent when it was not set explicitly. */
const from = z.string().optional();
const origin = (d: { readonly from?: string }): string => (d.from === undefined ? '' : ` (from ${d.from})`);

export const SERVER_ERRORS = {
  'git.too_costly': {
    kind: 'invalid',
    data: z.object({ act: z.string(), memoryBytes: z.number(), cpuSeconds: z.number() }),
    message: (d) =>
      `git ${d.act} exceeded ${d.memoryBytes / 2 ** 20} MiB of memory or ${d.cpuSeconds} s of CPU time and was killed.`,
    hint: 'Look for very large files, or very many files, in the latest commits and remove them from the history.',
  },
  'git.killed': {
    kind: 'unavailable',
    data: z.object({ act: z.string(), signal: z.string() }),
    message: (d) => `git ${d.act} was killed by ${d.signal}, which Berth did not send.`,
    hint: 'Try again. If nobody killed it, the machine probably ran out of memory: check the kernel log (`journalctl -k`).',
  },
  'work.unsaved': {
    kind: 'invalid',
    /** `code` and `reason`: why the work ended; `unsaved`: why it could not be saved. */
    data: z.object({
      id: z.string(),
      code: z.string(),
      reason: z.string(),
      unsaved: z.string(),
      until: z.string(),
    }),
    message: (d) =>
      `${d.reason}${d.unsaved === d.reason ? '' : ` Its work could not be saved: ${d.unsaved}`} The work is kept in the sandbox ${d.id} until ${d.until}.`,
    hint: 'Save what you need (`berth sandbox shell <id>`, or `berth sandbox exec <id> -- tar -cz --exclude=.git --exclude=node_modules . > work.tgz`), then run `berth sandbox remove <id>` and request the rest again without what exceeded the limit.',
  },
  'push.too_large': {
    kind: 'invalid',
    data: z.object({ reason: z.string() }),
    message: (d) => `The commits made in the sandbox were rejected: ${d.reason}.`,
    hint: 'Request the work again without them, or raise limits.diskBytes of the workspace if the disk is full.',
  },
  'store.locked': {
    kind: 'unavailable',
    data: z.object({ path: z.string(), pid: z.number().nullable() }),
    message: (d) =>
      `Another Berth server (${d.pid === null ? 'a process that cannot be seen from here' : `process ${d.pid}`}) uses ${d.path}.`,
    hint: 'Stop it where it runs (possibly in a container that shares the folder), or set BERTH_HOME to another home.',
  },
  'store.newer': {
    kind: 'conflict',
    data: z.object({ migration: z.string() }),
    message: (d) =>
      `The database was written by a newer Berth than this one: it contains migration ${d.migration}. Nothing was changed.`,
    hint: 'Reinstall that version of Berth, or restore the backup made before the upgrade (docs/guide/backup.md).',
  },
  'home.inconsistent': {
    kind: 'conflict',
    data: z.object({ home: z.string(), reason: z.string() }),
    message: (d) => `The contents of ${d.home} are inconsistent: ${d.reason}. Nothing was changed.`,
    hint: 'Restore the missing part from a backup of this home (docs/guide/backup.md), or start over in an empty folder: BERTH_HOME=<folder> berth up.',
  },
  'home.unusable': {
    kind: 'unavailable',
    data: z.object({ home: z.string(), path: z.string(), reason: z.string(), from }),
    message: (d) => `The home ${d.home}${origin(d)} cannot be used: ${d.reason}: ${d.path}`,
    hint: 'The server needs a writable folder; set another with BERTH_HOME or `--home`.',
  },
  'server.cannot_listen': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), reason: z.string(), from }),
    message: (d) => `The server cannot listen on ${d.address}${origin(d)}: ${d.reason}`,
    hint: 'Stop whatever uses it, or choose another: `berth up --port <number>` (0 is any free one), `--host <host>`, or `socketPath` in the settings.',
  },
  'store.migration_changed': {
    kind: 'internal',
    data: z.object({ name: z.string() }),
    message: (d) => `The migration ${d.name} was modified after it was applied to this database.`,
    hint: 'Install the version of Berth that wrote this database, or a newer released one.',
  },
  'store.unavailable': {
    kind: 'unavailable',
    data: reason,
    message: (d) => `The database cannot be used: ${d.reason}`,
    hint: "Check the database folder: free disk space, and write permission for the server's user.",
  },
  'disk.full': {
    kind: 'exhausted',
    /** `detail`: what ran out, when it is not disk bytes. */
    data: z.object({ path: z.string(), detail: z.string().optional() }),
    message: (d) => `The disk of ${d.path} is full${d.detail === undefined ? '' : `: ${d.detail}`}.`,
    hint: 'Free some space. Acknowledged work is kept.',
  },
  'config.invalid': {
    kind: 'invalid',
    data: z.object({ issues: z.array(Issue) }),
    message: (d) =>
      `The configuration is not valid: ${d.issues.map((i: Issue) => `${i.path}: ${i.message}`).join('; ')}.`,
    hint: 'All settings are described in docs/reference/configuration.md.',
  },
  'repository.copy_damaged': {
    kind: 'unavailable',
    data: z.object({ repository: z.string(), path: z.string(), reason: z.string() }),
    message: (d) => `The server's copy of ${d.repository} is damaged: ${d.reason} (${d.path}).`,
    hint: 'Restore it from a backup of the home. Without a backup, remove the workspace and add the repository again.',
  },
  'server.unreachable': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), detail: z.string() }),
    message: (d) => `The server at ${d.address} is not responding: ${d.detail}`,
    hint: 'Start it with `berth up`.',
  },
  'server.unheard': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), home: z.string(), pid: z.number() }),
    message: (d) =>
      `Nothing listens on ${d.address}, but the server of ${d.home} is running (process ${d.pid}).`,
    hint: "Omit `--address` and BERTH_ADDRESS. If the address is the server's own, its socket was removed: stop that process by its id with `kill` and start it again with `berth up --detach`; running work continues.",
  },
  'server.foreign': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), status: z.number() }),
    message: (d) => `What answers at ${d.address} is not a Berth server (HTTP ${d.status}).`,
    hint: 'Another program or a proxy uses that address: check `--address`, BERTH_ADDRESS and the `port` setting; `berth up --detach` prints where the server listens.',
  },
  'server.silent': {
    kind: 'timeout',
    data: z.object({ address: z.string(), silentMs: z.number() }),
    message: (d) =>
      `The server at ${d.address} accepts connections but sent nothing for ${Math.round(d.silentMs / 1000)} s. It is unknown whether the request was carried out.`,
    hint: 'It hangs or is overloaded. Check `server.log` in its home; kill its process (its id is in `lock` there) and start it again with `berth up --detach`: running work continues.',
  },
  'server.not_ready': {
    kind: 'unavailable',
    data: z.object({ reason: z.string() }),
    message: (d) => `The server is not accepting work now: ${d.reason}`,
    hint: 'Wait a moment; `berth doctor` reports what is missing.',
  },
  'server.busy': {
    kind: 'exhausted',
    /** What the caller has too much of: `bytes of uploads`. */
    data: z.object({ what: z.string() }),
    message: (d) => `The server cannot accept more ${d.what} from this caller now.`,
    hint: 'Wait for running requests to finish, or try again in a few seconds.',
  },
  'server.failed': {
    kind: 'internal',
    data: z.object({ reference: z.string() }),
    message: (d) => `Something went wrong on the server (reference ${d.reference}).`,
    hint: 'See the server log under this reference.',
  },
} as const satisfies Record<string, ErrorShape>;
