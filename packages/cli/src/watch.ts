/**
 * Watching a task to its end. The first Ctrl-C asks the server to cancel it politely, the second one only leaves; so does
 * the first when the task waits for a person, whose answer may come much later.
 */
import { BerthError, ERRORS, KINDS, type Task } from '@berth/contract';
import type { Context } from './command.ts';
import { INTERRUPTED, report } from './failure.ts';
import { createProgress } from './progress.ts';

export interface Watched {
  readonly task: Task | undefined;
  readonly exitCode: number;
}

export const watch = async (
  context: Context,
  what: { readonly id: string; readonly afterSeq: number; readonly isWaiting?: boolean },
): Promise<Watched> => {
  const { client, output, world } = context;
  const stop = new AbortController();
  let cancelling: Promise<unknown> | undefined;
  let isWaiting = what.isWaiting ?? false;
  const forget = world.onInterrupt(() => {
    if (cancelling !== undefined) return stop.abort();
    if (isWaiting) {
      world.stderr.write(`the task goes on waiting; follow it again: berth task logs ${what.id} --follow\n`);
      return stop.abort();
    }
    world.stderr.write('cancelling the task; once more to leave it alone\n');
    cancelling = client.tasks.cancel({ id: what.id, reason: 'asked for at the terminal' });
    // Without an answer there is nothing to wait for.
    cancelling.catch((error: unknown) => stop.abort(error));
  });
  const progress = createProgress(client, output);
  try {
    const events = client.tasks.follow(what, { signal: stop.signal });
    for (;;) {
      const { done, value } = await events.next();
      if (done) return ended(context, value, cancelling !== undefined);
      if (value.type.startsWith('task.')) isWaiting = value.type === 'task.approval_asked';
      if (output.isJson) output.json(value);
      else await progress.event(value);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return { task: undefined, exitCode: INTERRUPTED };
  } finally {
    forget();
    if (!output.isJson) progress.end();
  }
};

const ended = ({ world, output }: Context, task: Task, wasInterrupted: boolean): Watched => {
  if (task.state === 'completed') return { task, exitCode: 0 };
  const { error } = task;
  if (error === undefined) return { task, exitCode: wasInterrupted ? INTERRUPTED : KINDS.conflict.exit };
  const kind = Object.entries(ERRORS).find(([code]) => code === error.code)?.[1].kind ?? 'internal';
  const { code, message, details, hint } = error;
  const failure = new BerthError({ code, kind, message, details, ...(hint === undefined ? {} : { hint }) });
  const exitCode = report(failure, world, output.isJson);
  return { task, exitCode: wasInterrupted ? INTERRUPTED : exitCode };
};
