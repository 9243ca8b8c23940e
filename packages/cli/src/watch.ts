/**
 * Watching a task to its end. The first Ctrl-C asks the server to cancel it, the second one only detaches, as does a
 * SIGTERM, which is meant for this program, not for the work. While its change awaits approval there is nothing to
 * cancel: without a terminal watching ends; at a terminal, Ctrl-C detaches.
 */
import {
  BerthError,
  dataOf,
  ERRORS,
  type Event,
  fail,
  isBerthError,
  KINDS,
  type Task,
} from '@berth/contract';
import type { Context } from './command.ts';
import { exitCodeOf, INTERRUPTED, report } from './failure.ts';
import { createProgress, type Progress } from './progress.ts';
import type { Interrupt } from './screen.ts';

export interface Watched {
  readonly task: Task | undefined;
  readonly exitCode: number;
}

export interface Watching {
  readonly id: string;
  readonly afterSeq: number;
  /** The change awaiting approval when watching starts. */
  readonly waiting?: string | undefined;
}

export const watch = async (context: Context, what: Watching): Promise<Watched> => {
  const { output } = context;
  const progress = createProgress(context.client, output);
  const interrupts = createInterrupts(context, what);
  const printWaiting = (id: string, exitCode?: number): Watched => {
    const said = report(fail('change.waiting', { id, task: what.id }), context.world, output.isJson);
    return { task: undefined, exitCode: exitCode ?? said };
  };
  try {
    return await follow(context, what, { interrupts, progress, printWaiting });
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    const { waiting } = interrupts;
    const exitCode = exitCodeOf(interrupts.last());
    if (waiting !== undefined) return printWaiting(waiting, exitCode);
    printDetached(context, what.id, interrupts);
    return { task: undefined, exitCode };
  } finally {
    interrupts.forget();
    if (!output.isJson) progress.end();
  }
};

/** What happens to the task that is no longer watched. */
const printDetached = (
  { world, output }: Context,
  id: string,
  { signal, isCancelling }: Interrupts,
): void => {
  if (isBerthError(signal.reason)) report(signal.reason, world, output.isJson);
  else if (isCancelling()) world.stderr.write(`the task is being cancelled; see berth task show ${id}\n`);
  else world.stderr.write(`the task continues; see berth task logs ${id} --follow\n`);
};

interface Following {
  readonly interrupts: Interrupts;
  readonly progress: Progress;
  readonly printWaiting: (id: string) => Watched;
}

const follow = async (
  context: Context,
  { id, afterSeq }: Watching,
  { interrupts, progress, printWaiting }: Following,
): Promise<Watched> => {
  const { client, output, world } = context;
  const isAttended = world.stdout.isTTY === true && !output.isJson;
  const events = client.tasks.follow({ id, afterSeq }, { signal: interrupts.signal });
  for (;;) {
    if (interrupts.waiting !== undefined && !isAttended) return printWaiting(interrupts.waiting);
    const { done, value } = await events.next();
    if (done) return ended(context, value, interrupts.isCancelling());
    if (output.isJson) output.json(value);
    else await progress.event(value);
    interrupts.waiting = waitingAfter(value, interrupts.waiting);
  }
};

interface Interrupts {
  /** The change awaiting approval now. */
  waiting: string | undefined;
  readonly signal: AbortSignal;
  readonly isCancelling: () => boolean;
  readonly last: () => Interrupt;
  readonly forget: () => void;
}

const createInterrupts = ({ client, world }: Context, { id, waiting }: Watching): Interrupts => {
  const stop = new AbortController();
  let cancelling: Promise<unknown> | undefined;
  let last: Interrupt = 'SIGINT';
  const forget = world.onInterrupt((signal) => {
    last = signal;
    const isLeaving = signal === 'SIGTERM' || cancelling !== undefined || interrupts.waiting !== undefined;
    if (isLeaving) return stop.abort();
    world.stderr.write('cancelling the task; press again to detach\n');
    cancelling = client.tasks.cancel({ id, reason: 'requested at the terminal' });
    // No response is needed.
    cancelling.catch((error: unknown) => stop.abort(error));
  });
  const interrupts: Interrupts = {
    waiting,
    signal: stop.signal,
    isCancelling: () => cancelling !== undefined,
    last: () => last,
    forget,
  };
  return interrupts;
};

/** The change of this task awaiting approval after this event. */
const waitingAfter = (event: Event, before: string | undefined): string | undefined => {
  const asked = dataOf(event, 'task.approval_asked');
  if (asked !== undefined) return asked.details.changeId;
  return event.type.startsWith('task.') ? undefined : before;
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
