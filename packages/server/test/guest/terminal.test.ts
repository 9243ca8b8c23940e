import { afterAll, beforeAll, expect, it } from 'vitest';
import { guestInProcess, until } from './fixture.ts';

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
