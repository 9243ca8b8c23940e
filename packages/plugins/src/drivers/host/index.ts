/**
 * No isolation: a folder and a group of processes. For those who run Berth on a disposable machine. It is disabled
 * unless the configuration names it, an owner must request it by name, and nothing falls back to it. A root server
 * gives each sandbox its own user, which owns its folders and nothing else (user.ts); any other server can only run
 * programs as itself, and reports it.
 *
 * Programs see the host's own network and files. The ports for `berth.internal` are free loopback ports, which the
 * guest records before it answers. A sandbox's processes are found by a marker in their environment, so that those
 * that left the process group are killed, too.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, open, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, isBerthError } from '@berth/contract';
import { GUEST_ENV, GUEST_LIMITS, guestCommand, guestEnvironment, READY_FILE } from '@berth/contract/guest';
import {
  createKeyedLock,
  type Driver,
  type DriverHost,
  defineDriver,
  type Machine,
  type MachineSpec,
} from '@berth/plugin-api';
import { z } from 'zod';
import { connectGuest } from '../../linux/guest-socket.ts';
import { endNaming, isAlive, markOf, type ProcessMark } from '../../linux/processes.ts';
import { guestReady } from '../../linux/ready.ts';
import { makeFolder, removeTree } from '../../linux/system-program.ts';
import { MACHINE_ID, type MachineRecord, openRecords, writeRecord } from './record.ts';
import { endUser, giveTo, type HostUser, ID_COUNT, probeUser } from './user.ts';

/** After the range of the `oci` driver. */
const ID_BASE = 0x7001_0000;

const cannotEnd = (left: readonly ProcessMark[]): Error => {
  const pids = left.map(({ pid }) => pid).join(', ');
  const detail = `processes ${pids} are left, because they belong to another user or multiply too fast: kill them, and the removal will succeed on retry`;
  return fail('driver.failed', { driver: 'host', act: 'destroy', detail });
};

const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(10_000)
    .default('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
    .describe('The program path (PATH).'),
  bootTimeoutMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(15_000)
    .describe('How long a sandbox may take to start answering.'),
  idBase: z
    .int()
    .min(65_536)
    .max(0x7fff_0000)
    .default(ID_BASE)
    .describe(`The first of the ${ID_COUNT} uids that a root server assigns to sandboxes.`),
});

export default defineDriver({
  name: 'host',
  isolation: 'none',
  exposesHost: true,
  config,
  open: (settings, host) => openHost(settings, host),
});

const SOCKET_NAME = 'guest.sock';
const MARK = 'BERTH_MACHINE';
const TAIL_CHARACTERS = 2_000;
const READY_BYTES = 4096;
const NO_LIMITS = 'the host driver enforces no limits';
const SHARED_USER = "programs run as the server's user and can read its files and keys";
const ONE_USER = "with the host driver commands run as the guest's user, and could impersonate it";

const openHost = (settings: z.infer<typeof config>, host: DriverHost): Driver => {
  const alone = createKeyedLock();
  const records = openRecords(host, settings.idBase);
  const { folderOf, own, inspect, list } = records;
  const isRoot = process.getuid?.() === 0;
  const markText = (id: string): string =>
    `${MARK}=${createHash('sha256').update(`${host.installation}\0${id}`).digest('hex').slice(0, 24)}`;

  const attach = async (id: string): Promise<Machine | undefined> => {
    const record = await own(id);
    if (record?.process === undefined || record.internalPort === undefined) return undefined;
    return (await isAlive(record.process))
      ? machineOf(folderOf(id), { ...record, internalPort: record.internalPort })
      : undefined;
  };
  const demolish = async (id: string): Promise<void> => {
    const uid = await records.uidOf(id);
    if (isRoot && uid !== undefined) await endUser({ uid });
    const left = await endNaming(markText(id));
    if (left.length > 0) throw cannotEnd(left);
    await removeTree(folderOf(id));
    records.forget(id);
  };
  const make = async (spec: MachineSpec, signal: AbortSignal): Promise<Machine> => {
    refuse(spec);
    const running = await attach(spec.id);
    if (running !== undefined) return running;
    await demolish(spec.id);
    signal.throwIfAborted();
    const folder = await makeFolder(folderOf(spec.id), isRoot ? 0o711 : 0o700);
    try {
      const claim = await records.claim(spec.id);
      const boot = AbortSignal.any([signal, AbortSignal.timeout(settings.bootTimeoutMs)]);
      const user = claim.uid === undefined ? undefined : { uid: claim.uid };
      const start = { spec, host, folder, user, path: settings.path, mark: markText(spec.id), boot };
      const started = await startGuest(start);
      await writeRecord(folder, { ...claim, ...started, startedAt: Date.now() });
      return machineOf(folder, { ...claim, internalPort: started.internalPort });
    } catch (error) {
      const said = await logOf(folder);
      await demolish(spec.id);
      signal.throwIfAborted();
      if (isBerthError(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const detail = `${reason} ${said.slice(-TAIL_CHARACTERS)}`.trim();
      throw fail('driver.failed', { driver: 'host', act: 'create', detail }, { cause: error });
    }
  };
  return {
    probe: () => (isRoot ? probeUser(settings.idBase, host.guest.node, host.folder) : SHARED_PROBE),
    create: (spec, signal) => alone(spec.id, () => make(spec, signal)),
    connect: async (id) => {
      if ((await attach(id)) === undefined)
        throw fail('sandbox.unreachable', { id, detail: 'there is no such machine' });
      return await connectGuest(id, join(folderOf(id), 'run'), SOCKET_NAME);
    },
    ...{ attach, inspect },
    destroy: (id) => alone(id, async () => (MACHINE_ID.test(id) ? await demolish(id) : undefined)),
    list,
    facets: {},
  };
};

const SHARED_PROBE = Promise.resolve({
  health: 'degraded',
  detail: "programs run as the server's user, without isolation",
} as const);

/** What this driver cannot do is refused, not ignored. */
const refuse = (spec: MachineSpec): void => {
  if (spec.layers.length > 0) throw fail('driver.unsupported', { driver: 'host', facet: 'snapshots' });
  if (spec.image !== undefined) throw fail('driver.unsupported', { driver: 'host', facet: 'images' });
  if (!MACHINE_ID.test(spec.id))
    throw fail('driver.failed', {
      driver: 'host',
      act: 'create',
      detail: `"${spec.id}" is not a machine id`,
    });
};

const machineOf = (
  folder: string,
  { id, uid, internalPort }: MachineRecord & { readonly internalPort: number },
): Machine => ({
  id,
  root: join(folder, 'workspace'),
  home: join(folder, 'home'),
  internalUrl: `http://127.0.0.1:${internalPort}`,
  toolPath: (target) => join(folder, 'tools', target),
  unenforced: [
    ...(['memory', 'cpu', 'pids', 'disk'] as const).map((kind) => ({ kind, reason: NO_LIMITS })),
    { kind: 'containment', reason: 'the host driver has no groups for commands' },
    ...(uid === undefined ? [{ kind: 'user', reason: SHARED_USER } as const] : []),
    { kind: 'verdict', reason: ONE_USER },
  ],
});

interface GuestStart {
  readonly spec: MachineSpec;
  readonly host: DriverHost;
  readonly folder: string;
  /** Default: the server's own. */
  readonly user: HostUser | undefined;
  readonly path: string;
  readonly mark: string;
  readonly boot: AbortSignal;
}

interface Started {
  readonly process: ProcessMark;
  readonly internalPort: number;
}

const startGuest = async (start: GuestStart): Promise<Started> => {
  const { host, folder, user, boot } = start;
  const run = join(folder, 'run');
  for (const name of ['run', 'workspace', 'home', 'state'])
    await giveTo(user, await makeFolder(join(folder, name), 0o700));
  await linkTools(start);
  // The folder of the server's programs need not be accessible to others.
  const bundle = join(folder, 'guest.cjs');
  await copyFile(host.guest.bundle, bundle);
  await chmod(bundle, 0o644);
  const failed = new AbortController();
  const answers = guestReady({
    folder: run,
    socket: SOCKET_NAME,
    signal: AbortSignal.any([boot, failed.signal]),
  });
  await using log = await open(join(folder, 'log'), 'a', 0o600);
  const [node = '', ...args] = guestCommand(host.guest.node, bundle);
  const child = spawn(node, args, {
    cwd: join(folder, 'workspace'),
    env: environment(start, run),
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    // With only that user's groups: none.
    ...(user === undefined ? {} : { uid: user.uid, gid: user.uid }),
  });
  child.once('error', (error) => failed.abort(error));
  child.once('exit', (code) => failed.abort(new TypeError(`the guest exited with ${code ?? 'a signal'}`)));
  child.unref();
  await answers;
  const process = await markOf(child.pid ?? 0);
  const ready = z
    .object({ internalPort: z.int() })
    .parse(JSON.parse(await readOwn(join(folder, 'state', READY_FILE))));
  if (process === undefined) throw new TypeError('the guest exited immediately');
  return { process, internalPort: ready.internalPort };
};

const environment = ({ spec, host, folder, path, mark }: GuestStart, run: string): Record<string, string> => {
  const socket = join(run, SOCKET_NAME);
  if (Buffer.byteLength(socket) > GUEST_LIMITS.socketPathBytes)
    throw fail('driver.failed', {
      driver: 'host',
      act: 'create',
      detail: `the path ${socket} is too long for a socket; choose a shorter folder for the server's data`,
    });
  const own = {
    PATH: `${path}:${dirname(host.guest.node)}`,
    HOME: join(folder, 'home'),
    LANG: 'C.UTF-8',
    [MARK]: mark.slice(MARK.length + 1),
    [GUEST_ENV.socket]: socket,
    [GUEST_ENV.root]: join(folder, 'workspace'),
    [GUEST_ENV.home]: join(folder, 'home'),
    [GUEST_ENV.state]: join(folder, 'state'),
    [GUEST_ENV.id]: spec.id,
    [GUEST_ENV.internalPort]: '0',
    [GUEST_ENV.proxyPort]: '0',
    [GUEST_ENV.confined]: '1',
    ...(host.guest.pty === undefined ? {} : { [GUEST_ENV.pty]: `${host.guest.pty}/node-pty` }),
  };
  return guestEnvironment(own, spec.env);
};

const linkTools = async ({ spec, folder }: GuestStart): Promise<void> => {
  for (const { source, target } of spec.tools) {
    const place = join(folder, 'tools', target);
    if (!place.startsWith(join(folder, 'tools/')))
      throw fail('driver.failed', {
        driver: 'host',
        act: 'create',
        detail: `a tool cannot be mounted at ${target}`,
      });
    await mkdir(dirname(place), { recursive: true, mode: 0o755 });
    await symlink(source, place);
  }
};

/** Links that the inside may have planted are not followed. */
const readOwn = async (path: string): Promise<string> => {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(READY_BYTES) });
  return buffer.toString('utf8', 0, bytesRead);
};

/** Only for a message, so a second failure must not hide the first. */
const logOf = (folder: string): Promise<string> => readFile(join(folder, 'log'), 'utf8').catch(String);
