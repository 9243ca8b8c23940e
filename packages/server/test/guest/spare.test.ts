/** Processes that are made ahead of the commands that they become, as commands and a broken machine meet them. */
import { readFileSync } from 'node:fs';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxClient } from '../../src/guest/sandbox-client.ts';
import { guestProcess, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestProcess>>;
let sandbox: SandboxClient;
beforeAll(async () => {
  guest = await guestProcess();
  sandbox = guest.client();
});
afterAll(() => guest[Symbol.asyncDispose]());

const isAlive = (pid: string): boolean => {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Numbers of the processes that wait, once there are as many as there should be. */
const spares = (): Promise<string[]> =>
  until(() => {
    const { pid } = guest.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    const waiting = children.filter((child) =>
      /\/starter\0/.test(readFileSync(`/proc/${child}/cmdline`, 'latin1')),
    );
    expect(waiting).toHaveLength(GUEST_LIMITS.spareStarters);
    return waiting;
  });

let runs = 0;
const run = (line: string, more: { env?: Record<string, string>; cwd?: string; stdin?: string } = {}) =>
  sandbox.run({ id: `spare-${runs++}`, argv: ['sh', '-c', line], ...more });

/** How often it ran, and its number. */
const runCounted = async (name: string): Promise<{ times: number; pid: string }> => {
  const { stdout } = await run(`echo x >> ${name}; echo $$`);
  return {
    times: readFileSync(`${guest.root}/${name}`, 'utf8').trim().split('\n').length,
    pid: stdout.trim(),
  };
};

describe('processes that wait to become commands', () => {
  it('are used, each once, and never more than a few', async () => {
    const before = await spares();
    const pids: string[] = [];
    for (let n = 0; n < before.length; n++) pids.push((await run('echo $$')).stdout.trim());
    expect(pids.filter((pid) => before.includes(pid)).length).toBeGreaterThan(0);
    const after = await spares();
    expect(after.filter((pid) => pids.includes(pid))).toEqual([]);
    await Promise.all(Array.from({ length: 12 }, () => run('true')));
    await spares();
  });

  it('bring nothing of one command into another, and nothing of the guest', async () => {
    await run('umask 077; ulimit -n 50; cd /; export LEFT=1; cat; trap "" TERM', {
      env: { SECRET: 'of the first' },
      stdin: 'typed',
    });
    const waiting = await spares();
    const look =
      'echo $$; umask; pwd; test $(ulimit -n) -gt 50 && echo files; readlink /proc/$$/fd/0; for n in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$n && echo $n; done; grep ^SigIgn /proc/$$/status; tr "\\0" "\\n" < /proc/$$/environ';
    const { stdout } = await run(look, { cwd: '/usr', env: { OWN: '1' }, stdin: '' });
    const [pid = '', mask, folder, files, input, ignored, ...env] = stdout.trim().split('\n');
    expect(waiting).toContain(pid);
    expect([mask, folder, files, input]).toEqual(['0022', '/usr', 'files', '/dev/null']);
    expect(ignored).toMatch(/\t0+$/);
    expect(env).toContain('OWN=1');
    expect(env.join('\n')).not.toMatch(/SECRET|LEFT|BERTH_GUEST|spare-0/);
  });

  it('are replaced when they were killed, and the command runs once', async () => {
    for (const pid of await spares()) process.kill(Number(pid), 'SIGKILL');
    expect(await runCounted('killed')).toMatchObject({ times: 1 });
    await spares();
  });

  it('are replaced when they do not answer, and the command runs once', async () => {
    const [stopped = '', ...others] = await spares();
    process.kill(Number(stopped), 'SIGSTOP');
    const { times, pid } = await runCounted('stopped');
    expect(times).toBe(1);
    expect(pid).not.toBe(stopped);
    await until(() => expect(isAlive(stopped)).toBe(false));
    expect(readFileSync(`${guest.root}/stopped`, 'utf8')).toBe('x\n');
    expect((await runCounted('stopped')).times).toBe(2);
    expect(others).toHaveLength(GUEST_LIMITS.spareStarters - 1);
  });

  it("say on the command's own stderr what failed after it had been held", async () => {
    const asked: number[] = [];
    const groups = {
      enter: async (_: string, pid: number) => void asked.push(pid),
      end: async () => undefined,
    };
    const client = guest.client(undefined, groups);
    await run('printf "#!/no/such/interpreter\\n" > odd; chmod +x odd');
    const argv = ['./odd'] as const;
    const waiting = await spares();
    const result = await client.run({ id: 'odd', argv, contained: true });
    expect(result).toMatchObject({ exitCode: 127, stderr: './odd: no such program (ENOENT)\n' });
    expect(waiting).toContain(String(asked[0]));
  });

  it('end with the guest', async () => {
    const waiting = await spares();
    guest.child.kill('SIGKILL');
    await until(() => expect(waiting.filter(isAlive)).toEqual([]));
  });
});
