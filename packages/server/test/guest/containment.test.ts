/** Contained commands: held until they are in their group, and ended with it, whatever becomes of the server meanwhile. */
import { existsSync, readFileSync } from 'node:fs';
import { fail } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Containment } from '../../src/guest/exec/process-address.ts';
import { guestInProcess, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestInProcess>>;
beforeAll(async () => {
  guest = await guestInProcess();
});
afterAll(() => guest[Symbol.asyncDispose]());

/** Groups of one server, which does as it is told at the moment of entering; it keeps what it was asked. */
const groupsThat = (enter: Containment['enter'] = async () => undefined) => {
  const asked: string[] = [];
  const groups: Containment = {
    enter: async (execId, insidePid) => {
      asked.push(`enter ${execId} ${insidePid}`);
      await enter(execId, insidePid);
    },
    end: async (execId) => void asked.push(`end ${execId}`),
  };
  return { asked, client: guest.client(undefined, groups) };
};

const isAlive = (pid: string): boolean => existsSync(`/proc/${pid}`);

describe('contained commands', () => {
  it('run no line of the program before they are in their group, and end with it', async () => {
    let ranBefore = true;
    const { asked, client } = groupsThat(async () => {
      // Time enough for the program to begin, if nothing held it.
      for (const id of ['a', 'b', 'c']) await client.run({ id, argv: ['true'] });
      ranBefore = existsSync(`${guest.root}/begun`);
    });
    const result = await client.run({
      id: 'held',
      argv: [
        'sh',
        '-c',
        'touch begun; echo "$$ $X $1 $BERTH_EXEC"; cat; ls -l /proc/$$/fd | grep -c "3 ->"; exit 4',
        'sh',
        'a "b"',
      ],
      env: { X: 'y z' },
      stdin: 'typed\n',
      contained: true,
    });
    const [pid, ...rest] = result.stdout.split(' ');
    expect(rest.join(' ')).toBe('y z a "b" held\ntyped\n0\n');
    expect(result.exitCode).toBe(4);
    expect(ranBefore).toBe(false);
    expect(asked).toEqual([`enter held ${pid}`, 'end held']);
  });

  it('keep variables that a shell could not name', async () => {
    const argv = ['sh', '-c', 'tr "\\0" "\\n" < /proc/$$/environ'] as const;
    const { stdout } = await groupsThat().client.run({
      id: 'odd',
      argv,
      env: { 'npm_config_//registry.example/:x': '1' },
      contained: true,
    });
    expect(stdout).toContain('npm_config_//registry.example/:x=1\n');
  });

  it('say why they cannot start, as the others do', async () => {
    const { asked, client } = groupsThat();
    const start = (argv: readonly [string, ...string[]], cwd?: string) =>
      client.run({ id: 'unstartable', argv, cwd, contained: true });
    await expect(start(['no-such-program'])).rejects.toThrow(/no such program \(ENOENT\)/);
    await expect(start(['/etc/passwd'])).rejects.toThrow(/EACCES/);
    await expect(start(['/etc'])).rejects.toThrow(/EACCES/);
    await expect(start(['true'], '/no/such/folder')).rejects.toThrow(/folder .* does not exist/);
    expect(asked).toEqual([]);
    expect((await start(['true'])).exitCode).toBe(0);
  });

  it('wait for whoever comes next when they could not enter, and run once', async () => {
    const refused = fail('driver.failed', { driver: 'oci', act: 'enter', detail: 'as the test says' });
    const broken = groupsThat(() => Promise.reject(refused));
    const argv = ['sh', '-c', 'echo x >> runs'] as const;
    await expect(broken.client.run({ id: 'twice', argv, contained: true })).rejects.toMatchObject({
      code: 'driver.failed',
    });
    expect(existsSync(`${guest.root}/runs`)).toBe(false);
    const whole = groupsThat();
    expect((await whole.client.run({ id: 'twice', argv, contained: true })).exitCode).toBe(0);
    expect((await whole.client.run({ id: 'twice', argv, contained: true })).exitCode).toBe(0);
    expect(readFileSync(`${guest.root}/runs`, 'utf8')).toBe('x\n');
    // The process that has begun is not put into a group again: its number may be another's by now.
    expect(whole.asked).toEqual([expect.stringMatching(/^enter twice \d+$/), 'end twice', 'end twice']);
  });

  it('are refused when what runs under their id is not contained, or was not', async () => {
    const { asked, client } = groupsThat();
    const refused = { code: 'exec.not_startable' };
    const runs = await client.start({ id: 'loose', argv: ['sleep', '60'] });
    await expect(client.run({ id: 'loose', argv: ['true'], contained: true })).rejects.toMatchObject(refused);
    await runs.signal('SIGKILL');
    await client.run({ id: 'over', argv: ['true'] });
    await expect(client.run({ id: 'over', argv: ['true'], contained: true })).rejects.toMatchObject(refused);
    expect(asked.filter((line) => line.startsWith('enter'))).toEqual([]);
  });

  it('answer with their end when they ended while they were held', async () => {
    const { client } = groupsThat(async (_, pid) => {
      process.kill(pid, 'SIGKILL');
      await until(() => expect(isAlive(String(pid))).toBe(false));
      throw fail('driver.failed', { driver: 'oci', act: 'enter', detail: 'it is gone' });
    });
    const result = await client.run({ id: 'killed', argv: ['true'], contained: true });
    expect(result).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
  });

  it('are ended by their group first when they are killed', async () => {
    const { asked, client } = groupsThat();
    const long = { id: 'long', argv: ['sleep', '60'], contained: true } as const;
    const process = await client.start(long);
    await client.start(long);
    expect(asked).toHaveLength(1);
    await process.signal('SIGKILL');
    for await (const chunk of process.output())
      if (chunk.kind === 'exit') expect(chunk.exit.signal).toBe('SIGKILL');
    expect(asked.at(-1)).toBe('end long');
  });

  it('are ended when their caller gives up', async () => {
    const { asked, client } = groupsThat();
    const caller = new AbortController();
    const running = client.run(
      { id: 'left', argv: ['sh', '-c', 'echo $$ > left; sleep 60'], contained: true },
      caller.signal,
    );
    const pid = await until(
      () => readFileSync(`${guest.root}/left`, 'utf8').trim() || Promise.reject(new Error('empty')),
    );
    caller.abort();
    await expect(running).rejects.toMatchObject({ code: 'work.cancelled' });
    expect(asked.at(-1)).toBe('end left');
    await until(() => expect(isAlive(pid)).toBe(false));
  });

  it('leave nothing that still has their mark, where there are no groups', async () => {
    const script =
      '(setsid sh -c "echo \\$\\$ > daemon; exec sleep 60" <&- >&- 2>&- &); until [ -s daemon ]; do sleep 0.01; done';
    const client = guest.client();
    const plain = await client.run({ id: 'plain', argv: ['sh', '-c', script] });
    expect(plain.exitCode).toBe(0);
    const left = readFileSync(`${guest.root}/daemon`, 'utf8').trim();
    expect(isAlive(left)).toBe(true);
    process.kill(Number(left), 'SIGKILL');
    await client.files.remove(`${guest.root}/daemon`);
    await client.run({ id: 'marked', argv: ['sh', '-c', script], contained: true });
    const pid = readFileSync(`${guest.root}/daemon`, 'utf8').trim();
    await until(() => expect(isAlive(pid)).toBe(false));
  });
});
