import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestInProcess, guestProcess, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestInProcess>>;
beforeAll(async () => {
  guest = await guestInProcess({ pty: true });
});
afterAll(() => guest[Symbol.asyncDispose]());

const START = { argv: ['sh'], columns: 91, rows: 33, env: { PS1: '$ ' } };

it('carries bytes both ways, resizes, and shows the past to who attaches later', async () => {
  const sandbox = guest.client();
  const terminal = await sandbox.pty({ id: 'p1', ...START });
  let shown = '';
  terminal.stream.on('data', (bytes: Buffer) => {
    shown += bytes.toString();
  });
  terminal.stream.write('stty size; echo "gr""een"\n');
  await until(() => expect(shown).toContain('33 91'));
  await until(() => expect(shown).toContain('green'));
  await terminal.resize(100, 40);
  terminal.stream.write('stty size\n');
  await until(() => expect(shown).toContain('40 100'));

  const again = await guest.client().pty({ id: 'p1', ...START });
  let past = '';
  again.stream.on('data', (bytes: Buffer) => {
    past += bytes.toString();
  });
  await until(() => expect(past).toContain('green'));
  again.stream.write('exit 4\n');
  await until(async () => expect(await terminal.exit()).toEqual({ exitCode: 4 }));
  await until(() => expect(terminal.stream.readableEnded).toBe(true));
});

it('is ended with what runs in it', async () => {
  const terminal = await guest.client().pty({ id: 'p2', ...START });
  terminal.stream.resume();
  terminal.stream.write('sleep 100\n');
  await terminal.kill();
  await until(async () => expect(await terminal.exit()).toMatchObject({ signal: 'SIGKILL' }));
});

it('says when the program or the module is missing', async () => {
  const start = { id: 'p3', ...START, argv: ['sh'], cwd: '/no/such' };
  const bare = await guestInProcess();
  await expect(bare.client().pty(start)).rejects.toMatchObject({ code: 'exec.not_startable' });
  await bare[Symbol.asyncDispose]();
  await expect(guest.client().pty({ ...start, columns: 5000 })).rejects.toMatchObject({ kind: 'invalid' });
});

describe('what is typed faster than the program reads', () => {
  const RAW = 'stty raw -echo; echo ready; ';
  const MIB = 2 ** 20;
  let own: Awaited<ReturnType<typeof guestProcess>>;
  beforeAll(async () => {
    own = await guestProcess();
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const residentBytes = (): number =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${own.child.pid}/status`, 'latin1'))?.[1]) * 1024;

  const opened = async (id: string, script: string) => {
    const terminal = await own.client().pty({ id, ...START, argv: ['sh', '-c', script] });
    let shown = '';
    terminal.stream.on('data', (bytes: Buffer) => {
      shown += bytes.toString();
    });
    await until(() => expect(shown).toContain('ready'));
    return { terminal, shown: () => shown };
  };

  it.each([
    ['raw', `${RAW}exec sleep 1000`],
    ['by lines', 'echo ready; exec sleep 1000'],
  ])('stays with who types it, and the guest goes on (%s)', async (mode, script) => {
    const { terminal } = await opened(`deaf-${mode}`, script);
    const before = residentBytes();
    let takenBytes = 0;
    for (let at = 0; at < 16 * MIB; at += 65_536)
      terminal.stream.write(Buffer.alloc(65_536, 'a line of sixteen\n'), () => {
        takenBytes += 65_536;
      });
    const sandbox = own.client();
    // Again and again, so that what was on its way has arrived.
    for (let round = 0; round < 20; round++)
      expect((await sandbox.run({ id: `${mode}-${round}`, argv: ['true'] })).exitCode).toBe(0);
    expect(takenBytes).toBeLessThan(2 * MIB);
    expect(residentBytes() - before).toBeLessThan(16 * MIB);
    await terminal.kill();
    await until(async () => expect(await terminal.exit()).toMatchObject({ signal: 'SIGKILL' }));
    await finished(terminal.stream, { writable: false });
  });

  it('arrives whole and in order', async () => {
    const typed = randomBytes(3 * MIB + 1);
    const { terminal, shown } = await opened('late', `${RAW}head -c ${typed.length} | sha256sum`);
    terminal.stream.write(typed);
    const digest = createHash('sha256').update(typed).digest('hex');
    await until(() => expect(shown()).toContain(digest));
  });
});
