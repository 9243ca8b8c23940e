/** What stands in the way of a start is told in a sentence, and a home whose parts do not belong together stays as it is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createClient } from '@berth/sdk/node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const PROGRAM = fileURLToPath(new URL('../../src/program.js', import.meta.url));

let folder = '';
let home = '';
/** Homes of two installations that were stopped, to be copied. */
let [one, other] = ['', ''];

const ENV = { BERTH_DRIVER: 'memory', BERTH_LOG_LEVEL: 'silent' };

/** Runs the server until it says that it listens, and then stops it; or until it ends by itself. */
const start = async (env: Record<string, string> = {}, prefix: readonly string[] = []) => {
  const [file = '', ...args] = [...prefix, process.execPath, PROGRAM];
  const child = spawn(file, args, {
    env: { ...process.env, ...ENV, BERTH_HOME: home, BERTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const [exitCode] = await once(child, 'close');
  return { exitCode, said };
};

/** Runs the server until it has acknowledged a few writes, and kills it. */
const kill = async (): Promise<void> => {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, ...ENV, BERTH_HOME: home, BERTH_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const token = readFileSync(join(home, 'owner-token'), 'utf8').trim();
  const client = createClient({ address: `unix:${join(home, 'run/berth.sock')}`, token });
  for (const name of ['a', 'b', 'c']) await client.tokens.create({ name, role: 'viewer' });
  child.kill('SIGKILL');
  await once(child, 'exit');
};

/** While a server has the home. */
const whileRunning = async (
  act: (child: ChildProcess, said: () => string) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> => {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, ...ENV, BERTH_HOME: home, BERTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const ended = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    await act(child, () => said);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
};

const INCONSISTENT = 5;
const UNAVAILABLE = 6;

/** A sentence, what to do next, and no more. */
const sentence = (said: string): string => {
  expect(said).toMatch(/^error: .+\n.+\n$/);
  return said;
};

const filesOf = (place: string): string[] =>
  readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    // Reading a database in WAL mode makes and takes away its index; who looks holds the lock.
    .filter((path) => !/(-wal|-shm|\/lock)$/.test(path))
    .map((path) => `${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    .sort();

const expectRefused = async (reason: RegExp): Promise<void> => {
  const before = filesOf(home);
  const { exitCode, said } = await start();
  expect(sentence(said)).toMatch(reason);
  expect(said).toMatch(/backup/);
  expect(said).toMatch(/BERTH_HOME=/);
  expect(exitCode).toBe(INCONSISTENT);
  expect(filesOf(home)).toEqual(before);
};

const clock = { now: Date.now, sleep: async () => undefined };
const expectUnopened = (reason: RegExp) =>
  expect(openSqliteStore({ folder: home, clock })).rejects.toMatchObject({
    code: 'home.inconsistent',
    message: expect.stringMatching(reason),
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-home-'));
  [one, other] = [join(folder, 'one'), join(folder, 'other')];
  for (home of [one, other]) expect(await start()).toEqual({ exitCode: 0, said: '' });
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(() => {
  home = join(folder, 'home');
  cpSync(one, home, { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const removeDatabase = (): void => {
  for (const end of ['', '-wal', '-shm']) rmSync(join(home, `berth.db${end}`), { force: true });
};

test('a home that is whole is started again', async () => {
  expect(await start()).toEqual({ exitCode: 0, said: '' });
});

test('a lost or emptied database is not begun anew beside what is left', async () => {
  removeDatabase();
  await expectRefused(/database \(berth\.db\) is missing or empty, but copies of repositories/);
  writeFileSync(join(home, 'berth.db'), '');
  await expectRefused(/database \(berth\.db\) is missing or empty/);
  rmSync(join(home, 'hub'), { recursive: true });
  await expectRefused(/but the key \(key\) of an earlier server/);
});

test('a database, a key or copies of another installation are refused, and so are lost ones', async () => {
  removeDatabase();
  cpSync(join(other, 'berth.db'), join(home, 'berth.db'));
  await expectRefused(/database is of the installation \w+, the copies of repositories \(hub\) are of \w+/);
  cpSync(join(one, 'berth.db'), join(home, 'berth.db'));
  cpSync(join(other, 'key'), join(home, 'key'));
  await expectRefused(/the key \(key\) is another one/);
  rmSync(join(home, 'key'));
  await expectRefused(/the key \(key\) is missing/);
  cpSync(join(one, 'key'), join(home, 'key'));
  rmSync(join(home, 'hub'), { recursive: true });
  await expectRefused(/copies of repositories \(hub\) that the database knows are missing/);
});

test('a journal that a killed server left is used; one that is lost, cut or of another database is refused', async () => {
  await kill();
  const killed = join(folder, 'killed');
  cpSync(home, killed, { recursive: true });
  await (await openSqliteStore({ folder: home, clock })).close();

  const journal = join(home, 'berth.db-wal');
  const anew = () => {
    rmSync(home, { recursive: true });
    cpSync(killed, home, { recursive: true });
    rmSync(join(home, 'berth.db-shm'));
  };
  anew();
  rmSync(journal);
  await expectRefused(
    /database ends at event \d+, but \d+ were written: its journal \(berth\.db-wal\) was lost/,
  );
  anew();
  cpSync(join(one, 'berth.db'), join(home, 'berth.db'));
  await expectRefused(/the journal \(berth\.db-wal\) was not written for this database/);

  anew();
  const mark = join(home, 'berth.mark');
  rmSync(mark);
  await expectUnopened(/the mark \(berth\.mark\) is missing/);
  writeFileSync(mark, '{');
  await expectUnopened(/the mark \(berth\.mark\) is not what a server wrote/);
  // What the guide says to go on with what the database holds.
  rmSync(mark);
  rmSync(journal);
  await (await openSqliteStore({ folder: home, clock })).close();

  anew();
  truncateSync(journal, 32 + 4120);
  await expectUnopened(/database ends at event \d+, but \d+ were written/);
  anew();
  cpSync(one, home, { recursive: true });
  await expectUnopened(/the journal \(berth\.db-wal\) is of another time than the database/);
  rmSync(home, { recursive: true });
  cpSync(one, home, { recursive: true });
  await kill();
  cpSync(join(killed, 'berth.db-wal'), journal);
  rmSync(join(home, 'berth.db-shm'));
  await expectUnopened(/the journal \(berth\.db-wal\) is another one than the database/);
});

test('a home in use is refused: from another process namespace, and when the lock file is gone', async () => {
  await whileRunning(async () => {
    const before = filesOf(home);
    rmSync(join(home, 'lock'));
    const refused = await Promise.all([start(), start({}, ['unshare', '--pid', '--fork', '--mount-proc'])]);
    for (const { exitCode, said } of refused) {
      expect(sentence(said)).toMatch(/Another Berth server \(a process that cannot be seen from here\) uses/);
      expect(exitCode).toBe(UNAVAILABLE);
    }
    expect(filesOf(home)).toEqual(before);
  });
});

test('nobody reaches a debugger of the server: by a signal, or by what is left in the environment', async () => {
  const withDebugger = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };
  await whileRunning(async (child, said) => {
    const [, port] = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(said()) ?? [];
    expect(said()).toContain('The debugger that NODE_OPTIONS opened was closed');
    await expect(fetch(`http://127.0.0.1:${port}/json`)).rejects.toThrow();
    child.kill('SIGUSR1');
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(said().match(/Debugger listening/g)).toHaveLength(1);
  }, withDebugger);
});

test('a database that is older than what its home has seen is refused', async () => {
  await kill();
  const store = await openSqliteStore({ folder: home, clock });
  await store.close();
  cpSync(join(one, 'berth.db'), join(home, 'berth.db'));
  await expectUnopened(/or the database \(berth\.db\) is an older copy/);
});

test('a port that is taken', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  const { exitCode, said } = await start({ BERTH_PORT: String(port) });
  holder.close();
  expect(sentence(said)).toContain(
    `cannot listen on 127.0.0.1:${port} (from BERTH_PORT): address already in use`,
  );
  expect(exitCode).toBe(UNAVAILABLE);
});

test('an address that this machine does not have, and a place for the socket that cannot be', async () => {
  const host = await start({ BERTH_HOST: '192.0.2.1' });
  expect(sentence(host.said)).toMatch(/cannot listen on 192\.0\.2\.1 \(from BERTH_HOST\)/);
  // Nor does a name reach a terminal that obeys it.
  const socket = await start({ BERTH_SOCKET: '/proc/x\u001b[2J/berth.sock' });
  expect(sentence(socket.said)).toContain(
    String.raw`cannot listen on /proc/x\u001b[2J/berth.sock (from BERTH_SOCKET)`,
  );
  expect([host.exitCode, socket.exitCode]).toEqual([UNAVAILABLE, UNAVAILABLE]);
});

test('a folder where the socket should be', async () => {
  mkdirSync(join(home, 'run/berth.sock'), { recursive: true });
  const { exitCode, said } = await start();
  expect(sentence(said)).toMatch(/illegal operation on a directory: .*run\/berth\.sock/);
  expect(exitCode).toBe(UNAVAILABLE);
});

test('a home that is a file, and one that cannot be written to', async () => {
  rmSync(home, { recursive: true });
  writeFileSync(home, '');
  const file = await start();
  expect(sentence(file.said)).toContain(`The home ${home} (from BERTH_HOME) cannot be used: not a directory`);
  expect(file.exitCode).toBe(UNAVAILABLE);
  rmSync(home);
  mkdirSync(home);
  const asReadOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', asReadOnly, home];
  const { exitCode, said } = await start({}, prefix);
  expect(sentence(said)).toContain(home);
  expect(exitCode).toBe(UNAVAILABLE);
});

test('places where no folder can be made', async () => {
  const nowhere = await start({ BERTH_HOME: '/proc/x', HOME: '/proc/y' });
  expect(sentence(nowhere.said)).toContain(
    '(from BERTH_HOME) cannot be used: no folder can be made there: /proc/x',
  );
  expect(nowhere.exitCode).toBe(UNAVAILABLE);
});
