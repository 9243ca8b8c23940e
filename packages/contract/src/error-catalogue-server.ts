/** The part of the catalogue about the server itself: its home, its database, its settings, its doors. */
import { z } from 'zod';
import type { ErrorShape } from './kernel/error.ts';

export const Issue = z.object({
  /** JSON path of the problem, such as `body.repositories[0].branch`. */
  path: z.string(),
  message: z.string(),
});
export type Issue = z.infer<typeof Issue>;

const reason = z.object({ reason: z.string() });

/** The flag, variable or key of a file that says so; absent for what nobody wrote. */
const from = z.string().optional();
const origin = (d: { readonly from?: string }): string => (d.from === undefined ? '' : ` (from ${d.from})`);

export const SERVER_ERRORS = {
  'git.too_costly': {
    kind: 'invalid',
    data: z.object({ act: z.string(), memoryBytes: z.number(), cpuSeconds: z.number() }),
    message: (d) =>
      `git ${d.act} needs more than ${d.memoryBytes / 2 ** 20} MiB of memory or ${d.cpuSeconds} s of processor time, and was ended.`,
    hint: 'Look for very large files, or very many, in what was committed last; take them out of the history.',
  },
  'git.killed': {
    kind: 'unavailable',
    data: z.object({ act: z.string(), signal: z.string() }),
    message: (d) => `git ${d.act} was ended by ${d.signal}, which Berth did not send.`,
    hint: 'Try again. When nobody did it, the machine ran out of memory: its kernel log (`journalctl -k`) says so.',
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
    hint: 'Take out what is worth it (`berth sandbox shell <id>`, or `berth sandbox exec <id> -- git diff HEAD > work.patch`), then `berth sandbox remove <id>`; ask for the rest again without what was too much.',
  },
  'push.too_large': {
    kind: 'invalid',
    data: z.object({ reason: z.string() }),
    message: (d) => `The commits made in the sandbox were not taken: ${d.reason}.`,
    hint: 'Ask for the work again without them, or give the workspace a larger limits.diskBytes when that is what is used up.',
  },
  'store.locked': {
    kind: 'unavailable',
    data: z.object({ path: z.string(), pid: z.number().nullable() }),
    message: (d) =>
      `Another Berth server (${d.pid === null ? 'a process that cannot be seen from here' : `process ${d.pid}`}) uses ${d.path}.`,
    hint: 'Stop it where it runs, which may be a container that shares the folder, or choose another home with BERTH_HOME.',
  },
  'store.newer': {
    kind: 'conflict',
    data: z.object({ migration: z.string() }),
    message: (d) =>
      `The database was written by a newer Berth than this one: it has the change ${d.migration}. Nothing was touched.`,
    hint: 'Install that version of Berth again, or put back the backup that was made before the upgrade (docs/guide/backup.md).',
  },
  'home.inconsistent': {
    kind: 'conflict',
    data: z.object({ home: z.string(), reason: z.string() }),
    message: (d) => `The parts of ${d.home} do not belong together: ${d.reason}. Nothing was touched.`,
    hint: 'Put the missing part back from a backup of this home (docs/guide/backup.md), or begin anew in an empty folder: BERTH_HOME=<folder> berth up.',
  },
  'home.unusable': {
    kind: 'unavailable',
    data: z.object({ home: z.string(), path: z.string(), reason: z.string(), from }),
    message: (d) => `The home ${d.home}${origin(d)} cannot be used: ${d.reason}: ${d.path}`,
    hint: 'The server needs a folder that it may write to; BERTH_HOME or `--home` names another.',
  },
  'server.cannot_listen': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), reason: z.string(), from }),
    message: (d) => `The server cannot listen at ${d.address}${origin(d)}: ${d.reason}`,
    hint: 'End what uses it, or choose another: `berth up --port <number>` (0 is any free one), `--host <host>`, or `socketPath` in the settings.',
  },
  'store.migration_changed': {
    kind: 'internal',
    data: z.object({ name: z.string() }),
    message: (d) => `The migration ${d.name} was changed after it had been applied to this database.`,
    hint: 'Install the version of Berth that wrote this database, or a newer released one.',
  },
  'store.unavailable': {
    kind: 'unavailable',
    data: reason,
    message: (d) => `The database cannot be used: ${d.reason}`,
    hint: 'Look at the folder of the database: its disk, and whether the user of the server may write there.',
  },
  'disk.full': {
    kind: 'exhausted',
    /** `detail`: what is short, when it is not the last byte. */
    data: z.object({ path: z.string(), detail: z.string().optional() }),
    message: (d) => `The disk of ${d.path} is full${d.detail === undefined ? '' : `: ${d.detail}`}.`,
    hint: 'Free some space; work that was acknowledged is kept.',
  },
  'config.invalid': {
    kind: 'invalid',
    data: z.object({ issues: z.array(Issue) }),
    message: (d) =>
      `The configuration is not valid: ${d.issues.map((i: Issue) => `${i.path}: ${i.message}`).join('; ')}.`,
    hint: 'Every setting is described in docs/reference/configuration.md.',
  },
  'repository.copy_damaged': {
    kind: 'unavailable',
    data: z.object({ repository: z.string(), path: z.string(), reason: z.string() }),
    message: (d) => `The server's copy of ${d.repository} is damaged: ${d.reason} (${d.path}).`,
    hint: 'Put it back from a backup of the home. Without one, remove the workspace and add the repository again.',
  },
  'server.unreachable': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), detail: z.string() }),
    message: (d) => `The server at ${d.address} does not answer: ${d.detail}`,
    hint: 'Start it with `berth up`.',
  },
  'server.unheard': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), home: z.string(), pid: z.number() }),
    message: (d) => `Nobody listens at ${d.address}, but the server of ${d.home} runs (process ${d.pid}).`,
    hint: 'Leave out another address (`--address`, BERTH_ADDRESS). When it is its own, its socket was removed: end that process by its id with `kill`, and start it again with `berth up --detach`; work under way goes on.',
  },
  'server.foreign': {
    kind: 'unavailable',
    data: z.object({ address: z.string(), status: z.number() }),
    message: (d) => `What answers at ${d.address} is not a Berth server (HTTP ${d.status}).`,
    hint: 'Another program, or a proxy, has that address: look at `--address`, BERTH_ADDRESS and the `port` of the settings; `berth up --detach` says where the server listens.',
  },
  'server.silent': {
    kind: 'timeout',
    data: z.object({ address: z.string(), silentMs: z.number() }),
    message: (d) =>
      `The server at ${d.address} takes connections and says nothing: no word in ${Math.round(d.silentMs / 1000)} s. Whether it did what was asked is not known.`,
    hint: 'It hangs or has far too much to do. Look at `server.log` in its home; end its process (`lock` there has its id) and start it again with `berth up --detach`: work under way goes on.',
  },
  'server.not_ready': {
    kind: 'unavailable',
    data: z.object({ reason: z.string() }),
    message: (d) => `The server does not take work now: ${d.reason}`,
    hint: 'Wait a moment; `berth doctor` says what is missing.',
  },
  'server.busy': {
    kind: 'exhausted',
    /** What there is no room for: `bytes of uploads`. */
    data: z.object({ what: z.string() }),
    message: (d) => `The server has no room now for more ${d.what} of this caller.`,
    hint: 'Wait for what is under way, or try again in a few seconds.',
  },
  'server.failed': {
    kind: 'internal',
    data: z.object({ reference: z.string() }),
    message: (d) => `Something went wrong on the server (reference ${d.reference}).`,
    hint: 'The log of the server has the details under this reference.',
  },
} as const satisfies Record<string, ErrorShape>;
