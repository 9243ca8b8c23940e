/**
 * One turn of an agent: one prompt, worked on to its end. However it ends, the work is saved: on success by
 * the step `keep`, and otherwise by the undo of `work`, because what an agent did before it failed or was
 * cancelled may still be wanted. After a server restart the agent's process is still running, and the step
 * `work` reads its output again from the first byte. If the machine dies, the work continues in a new one
 * with the same disk.
 */
import { fail, type MachineDeath, type Turn } from '@berth/contract';
import type { Json, Sandbox } from '@berth/plugin-api';
import {
  assert,
  causeOf,
  createInterrupts,
  isStop,
  move,
  nothingToUndo,
  type ReadTx,
  saga,
  type Tx,
  unlessAborted,
} from '../../kernel/index.ts';
import type { CheckoutStep, CommitByRepository, Ports } from '../../ports.ts';
import {
  createDecisions,
  createItemSink,
  diedPrompt,
  lastOrdinal,
  putItem,
  staged,
  type TurnRef,
} from '../../task/index.ts';
import { diedOf, MAX_MACHINES } from '../machine/life.ts';
import { inSandbox } from '../machine/revive.ts';
import { keepUnsaved } from './unsaved.ts';

export interface TurnInputs {
  readonly turnId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly sessionId: string;
  readonly number: number;
  readonly prompt: string;
  readonly cause: Turn['cause'];
  readonly agent: string;
  readonly model?: string | undefined;
  /** What the previous turn in this sandbox returned. */
  readonly session?: Json | undefined;
  readonly sandbox: { readonly id: string; readonly driver: string };
  readonly workspaceId: string;
  readonly repositories: readonly string[];
  readonly branch: string;
  /** The commits saved before this turn. */
  readonly previous: CommitByRepository;
  readonly title: string;
  readonly at: number;
}

const NEVER = new AbortController().signal;

/** The hidden ref that keeps a turn's work. */
export const turnRef = (attemptId: string, number: number | ''): string =>
  `refs/berth/turns/${attemptId}/${number}`;

export const takeTurn = saga<Ports, TurnInputs>('agent.turn', 1)
  .step('record', {
    save: (tx, { input, run }) => openTurn(tx, input, run),
    undo: nothingToUndo('the record stays, to say how the turn ended'),
    unsave: (tx, { input, run }) => closeTurn(tx, input, run),
  })
  .step('work', {
    do: async ({ ports, input, key, signal }) => {
      const stage = { attemptId: input.attemptId, stage: 'agent', detail: `turn ${input.number}` };
      return inSandbox(ports, { ...input.sandbox, signal }, async ({ sandbox, died }) => {
        if (died !== undefined) {
          await ports.store.write((tx) => noteDeath(tx, input, died));
          // Saves what is left after a machine's death before anything continues.
          await saveIn(ports, input, { sandbox, key, signal });
        }
        return staged(ports, stage, () => runAgentTurn(ports, input, { sandbox, signal }));
      });
    },
    undo: ({ ports, input, key }) => saveLost(ports, input, key),
  })
  .step('keep', {
    do: ({ ports, input, key, signal }) => saveWork(ports, input, { key, signal }),
    save: async (tx, { ports, input, out, run }, commits) => {
      const { stop, detail } = out.work;
      const patch = { commit: commits[input.repositories[0] ?? ''], endedAt: ports.clock.now() };
      const details = { stop, ...(detail === undefined ? {} : { detail }) };
      await move(tx, 'turns', input.turnId, { trigger: 'ended', patch, details, causedBy: run });
    },
    undo: nothingToUndo('saved work is never taken back'),
    tries: 3,
  })
  .returns(({ out }) => ({ commits: out.keep, session: out.work.session, continued: out.work.continued }));

/** The user's prompt becomes the first item. A task that was being verified goes back to work. */
const openTurn = async (tx: Tx, input: TurnInputs, run: string): Promise<void> => {
  const { turnId: id, sessionId, attemptId, number, prompt, cause } = input;
  await tx.table('turns').insert({ id, sessionId, attemptId, state: 'running', number, prompt, cause });
  await putItem(tx, { turnId: id, sessionId, number }, 0, { kind: 'message', role: 'user', text: prompt });
  const attempt = await tx.table('attempts').get(attemptId);
  if (attempt !== undefined)
    await tx.table('attempts').update(attemptId, attempt.revision, { rounds: number });
  const task = await tx.table('tasks').get(input.taskId);
  if (task?.state === 'verifying' || task?.state === 'landing')
    await move(tx, 'tasks', input.taskId, { trigger: 'sent_back', details: { cause }, causedBy: run });
};

const closeTurn = async (tx: Tx, { turnId }: TurnInputs, run: string): Promise<void> => {
  const turn = await tx.table('turns').get(turnId);
  if (turn?.state !== 'running') return;
  const error = await causeOf(tx, run);
  const trigger = error?.code === 'work.cancelled' ? 'cancelled' : 'failed';
  await move(tx, 'turns', turnId, { trigger, patch: { error }, causedBy: run });
};

/** The latest request by a person; no new one can arrive while an attempt is in progress. */
const askedOf = ({ store }: Ports, taskId: string): Promise<string> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(taskId);
    if (task === undefined) throw fail('record.missing', { noun: 'task', id: taskId });
    return task.followUps.at(-1) ?? task.prompt;
  });

/** A server stop leaves the agent running in its sandbox; the restarted server reads its output again. */
const runAgentTurn = async (
  ports: Ports,
  input: TurnInputs,
  { sandbox, signal }: { readonly sandbox: Sandbox; readonly signal: AbortSignal },
) => {
  const { agent, model, attemptId, turnId, session } = input;
  const deaths = await ports.store.read((tx) => deathsOf(tx, turnId));
  const last = deaths.at(-1);
  const items = createItemSink(ports.store, input, last?.place);
  const { stop, cancel, release } = createInterrupts(signal);
  try {
    // Stable across server restarts, so that the output can be read again, but different for each machine.
    const execId = ports.ids.from('exec', last === undefined ? turnId : `${turnId}/${deaths.length}`);
    const turn = {
      asked: await askedOf(ports, input.taskId),
      agent,
      model,
      driver: input.sandbox.driver,
      sandbox,
      attemptId,
      execId,
      prompt: last === undefined ? input.prompt : diedPrompt(input.prompt, last.reason),
      cwd: `${sandbox.root}/${input.repositories[0] ?? ''}`,
      session,
      token: ports.grants.tokenFor(input.sandbox.id),
      emit: items.emit,
      decide: createDecisions(ports, { attemptId, execId, stop }),
    };
    const end = await unlessAborted(ports.agents.turn(turn, cancel), stop);
    cancel.throwIfAborted();
    await items.flush();
    return { stop: end.stop, detail: end.detail, session: end.session, continued: end.continued };
  } catch (error) {
    // Items before a failure are kept as far as possible; the failure takes precedence.
    if (!isStop(error)) await items.flush().catch(() => undefined);
    throw error;
  } finally {
    release();
  }
};

/** Also works on the disk of a machine that has died. */
const saveWork = async (ports: Ports, input: TurnInputs, step: CheckoutStep): Promise<CommitByRepository> => {
  const { key, signal = NEVER } = step;
  return inSandbox(ports, { ...input.sandbox, signal }, ({ sandbox }) =>
    saveIn(ports, input, { sandbox, key, signal }),
  );
};

const saveIn = (
  ports: Ports,
  input: TurnInputs,
  { sandbox, ...step }: CheckoutStep & { readonly sandbox: Sandbox },
): Promise<CommitByRepository> =>
  ports.checkouts.saveTurn(sandbox, {
    ...step,
    workspaceId: input.workspaceId,
    repositories: input.repositories,
    previous: input.previous,
    message: `${input.title}\n\nBerth-Attempt: ${input.attemptId}\nBerth-Turn: ${input.number}\n`,
    at: input.at,
    turnRef: turnRef(input.attemptId, input.number),
    branchRef: `refs/heads/${input.branch}`,
    token: ports.grants.tokenFor(input.sandbox.id),
  });

/**
 * If the sandbox is gone, there is nothing to save, and the rest must still be undone. A live sandbox keeps
 * its work.
 */
const saveLost = async (ports: Ports, input: TurnInputs, key: string): Promise<void> => {
  try {
    const commits = await saveWork(ports, input, { key });
    await ports.store.write(async (tx) => {
      const turn = await tx.table('turns').get(input.turnId);
      const commit = commits[input.repositories[0] ?? ''];
      if (turn !== undefined) await tx.table('turns').update(turn.id, turn.revision, { commit });
    });
  } catch (error) {
    // Nothing is lost: the work is saved at the next start.
    if (isStop(error)) throw error;
    ports.log.warn('turn.save_failed', { turn: input.turnId, error });
    await keepUnsaved(ports, { ...input, error });
  }
};

/**
 * The machines that died during a turn. A death is recorded before the turn is resumed, because the agent's next
 * prompt and its exec id depend on it, even after a server restart.
 */
interface TurnAtWork extends TurnRef {
  readonly attemptId: string;
  readonly sandbox: { readonly id: string };
}

const deathsOf = async (tx: ReadTx, turnId: string): Promise<readonly MachineDeath[]> =>
  (await tx.table('turns').get(turnId))?.deaths ?? [];

/**
 * Adds a notice to the conversation, after what was said before the death. Rejects with `sandbox.died` at the
 * last one allowed.
 */
const noteDeath = async (tx: Tx, input: TurnAtWork, reason: string): Promise<void> => {
  const turn = await tx.table('turns').get(input.turnId);
  assert(turn !== undefined, 'a turn is on record before it is worked on');
  const { deaths = [] } = turn;
  const died = deaths.length + 1;
  if (died >= MAX_MACHINES) throw diedOf(input.sandbox.id, reason, died);
  const ordinal = (await lastOrdinal(tx, input)) + 1;
  await putItem(tx, input, ordinal, { kind: 'notice', text: deathNotice(reason) });
  await tx.table('turns').update(turn.id, turn.revision, { deaths: [...deaths, { reason, place: ordinal }] });
  const detail = `died: ${reason}; made anew from its disk, ${died + 1} of ${MAX_MACHINES}`;
  await tx.emit({
    type: 'attempt.progressed',
    subject: input.attemptId,
    data: { stage: 'machine', detail },
  });
};

const deathNotice = (reason: string): string =>
  `The machine died: ${reason}. It was made anew from its disk, and the turn begins again with the files as they were.`;
