/** Runs set-up commands in order, each in its repository, and stops at the first failure. */
import { fail } from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import { tailOfBoth } from '../../kernel/index.ts';
import type { CheckoutRequest, Ports } from '../../ports.ts';
import type { SetupPlan } from '../../setup-plan.ts';

const ERROR_TAIL_MAX_BYTES = 2000;

export interface SetupRun {
  readonly sandbox: Sandbox;
  readonly setup: SetupPlan;
  readonly checkout: CheckoutRequest['repositories'];
  readonly key: string;
  readonly signal: AbortSignal;
}

/** Rejects with `setup.failed`. */
export const runSetup = async ({ ids }: Pick<Ports, 'ids'>, run: SetupRun): Promise<void> => {
  const { sandbox, setup, checkout, key, signal } = run;
  for (const [index, { run: command, repository = checkout[0]?.name }] of setup.commands.entries()) {
    const cwd = repository === undefined ? sandbox.root : `${sandbox.root}/${repository}`;
    const id = ids.from('exec', `${key}/${index}`);
    const { timeoutMs } = setup;
    const argv = ['/bin/sh', '-c', command] as const;
    const ended = await sandbox.run({ id, argv, cwd, timeoutMs, contained: true }, signal);
    if (ended.exitCode === 0 && !ended.timedOut) continue;
    const tail = tailOfBoth(ended.stdout, ended.stderr, ERROR_TAIL_MAX_BYTES);
    const late = ended.timedOut ? { timeoutMs } : {};
    throw fail('setup.failed', { command, exitCode: ended.exitCode, ...late, tail });
  }
};
