/**
 * Runs sagas. A run is identified by its id: starting it again joins it, resumes it, or returns its outcome
 * once more.
 *
 * What can end a run's forward path, and what follows:
 *
 * | a step fails | the run is undone, then the step's error is thrown |
 * | cancel       | undone, then `work.cancelled`; ignored after the point of no return |
 * | stop         | left as it is; throws the reason of the signal; `resume` continues it at the next start |
 * | store fails  | left as it is, as after a crash: it is unknown what was written |
 * | retired      | undone with `work.outdated`, unless it is decided (`retired` in `saga.ts`) |
 * | superseded   | left as it is: another engine took it over, and this one writes no more (`fence.ts`) |
 * | undo fails   | `stuck`, with both causes; a person chooses `retryStuck` or `forget` |
 */
import { fail } from '@berth/contract';
import { assert } from '../assert.ts';
import { revive } from '../failure.ts';
import { cancelled, createInterrupts, type Interrupts } from '../interrupt.ts';
import { toJson } from '../json.ts';
import { type Log, silentLog } from '../log.ts';
import { allRows } from '../store/pages.ts';
import type { ReadTx, Store, Tx } from '../store/store.ts';
import type { SagaRun } from '../store/tables.ts';
import type { Clock } from '../time/clock.ts';
import { drive, endOf, isOver } from './drive.ts';
import { fencedStore, type HeldRun, heldOf, sagaRow, takeUp } from './fence.ts';
import { openJournal } from './journal.ts';
import type { AnySaga, Output, Saga } from './saga.ts';

export interface Sagas<P> {
  /**
   * Once everything is undone, rejects with the error of the failed step, with `work.cancelled` or with
   * `saga.stuck`.
   */
  run<I, R extends Output>(saga: Saga<P, I, R>, request: RunRequest<I>): Promise<R>;
  /** Continues an interrupted run. Rejects with `record.missing`, or as `run` does. */
  resume(id: string, signal?: AbortSignal): Promise<Output>;
  /** Ids of interrupted runs, oldest first. */
  unfinished(): Promise<string[]>;
  /**
   * Requests that a run be undone. The request is stored, so it survives a restart. Has no effect on a
   * finished run.
   */
  askCancel(id: string, reason: string): Promise<void>;
  /** Resumes the undo where it got stuck. Rejects as `run` does. */
  retryStuck(id: string, signal?: AbortSignal): Promise<Output>;
  /**
   * Gives up a stuck run; cleaning up what it left behind is no longer the engine's job. Rejects with
   * `state.illegal`.
   */
  forget(id: string): Promise<void>;
}

export interface RunRequest<I> {
  /** Chosen by the caller. */
  readonly id: string;
  /** JSON. An existing run keeps its original input. */
  readonly input: I;
  /** The record the run is about. */
  readonly subject?: string | undefined;
  /**
   * Aborted with `Stopped`, it leaves the run as it is; aborted with anything else, it cancels the run. If
   * several callers join, the first one's signal counts.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface SagaDeps<P> {
  readonly store: Store;
  readonly clock: Clock;
  readonly ports: P;
  /** Adds the objects fenced for one run to the ports of its steps. Default: the ports unchanged. */
  readonly fenced?: ((ports: P, own: Fenced<P>) => P) | undefined;
  /**
   * Returns the ports for one step; work done through them ends with its signal. Default: the ports
   * unchanged.
   */
  readonly until?: ((ports: P, signal: AbortSignal) => P) | undefined;
  /** Identifies this process; different at every start. */
  readonly owner: string;
  /** All versions that may still have unfinished runs. */
  readonly definitions: readonly AnySaga<P>[];
  readonly log?: Log;
  /** Called at named points (`crashPointsOf`), so that a test can kill the process exactly there. */
  readonly crashPoint?: (name: string) => void;
}

/**
 * For the steps of one run: once the run is taken over elsewhere, every write and every nested run through
 * these rejects with `Stopped`.
 */
export interface Fenced<P> {
  readonly store: Store;
  readonly sagas: Sagas<P>;
}

interface Active {
  readonly end: Promise<Output>;
  readonly interrupts: Interrupts;
}

export const createSagas = <P>(deps: SagaDeps<P>): Sagas<P> => {
  const definitions = new Map(deps.definitions.map((definition) => [definition.name, definition]));
  assert(definitions.size === deps.definitions.length, 'every definition has a name of its own');
  const active = new Map<string, Active>();

  /** The engine runs a run only once: callers that arrive meanwhile wait for the same outcome. */
  const join: Engine<P>['join'] = (id, signal, row) => {
    const running = active.get(id);
    if (running !== undefined) return running.end;
    const interrupts = createInterrupts(signal);
    const end = goOn({ ...deps, definitions, interrupts, portsOf }, row).finally(() => {
      active.delete(id);
      interrupts.release();
    });
    active.set(id, { end, interrupts });
    return end;
  };
  const portsOf = (held: HeldRun): P => {
    if (deps.fenced === undefined) return deps.ports;
    const store = fencedStore(deps.store, held);
    return deps.fenced(deps.ports, { store, sagas: sagasBy(engine, store) });
  };
  const engine: Engine<P> = { owner: deps.owner, definitions, active, join };
  return sagasBy(engine, deps.store);
};

interface Engine<P> {
  readonly owner: string;
  readonly definitions: ReadonlyMap<string, AnySaga<P>>;
  readonly active: ReadonlyMap<string, Active>;
  join(id: string, signal: AbortSignal | undefined, row: () => Promise<SagaRun>): Promise<Output>;
}

/** Queries from outside the runs use this store; the runs themselves use a fenced one. */
const sagasBy = <P>({ owner, definitions, active, join }: Engine<P>, store: Store): Sagas<P> => ({
  async run<I, R extends Output>(saga: Saga<P, I, R>, { id, input, subject, signal }: RunRequest<I>) {
    assert(definitions.has(saga.name), `${saga.name} is among the definitions`);
    const begin = (): Promise<SagaRun> =>
      store.write(async (tx) => {
        const row = {
          id,
          name: saga.name,
          state: 'running',
          input: toJson(input, 'input'),
          subject,
          owner,
          fence: 1,
        } as const;
        const begun = await tx.table('sagas').get(id);
        if (begun !== undefined) return taken(tx, begun, owner);
        assert(saga.isRetired !== true, `no run begins by ${saga.name}, which is retired`);
        return tx.table('sagas').insert(row);
      });
    // This saga's `returns`, or an older version's, produced the result, and it is JSON.
    return (await join(id, signal, begin)) as R;
  },
  resume: (id, signal) =>
    join(id, signal, () => store.write(async (tx) => taken(tx, await sagaRow(tx, id), owner))),
  unfinished: () => store.read((tx) => unfinishedIds(tx)),
  async askCancel(id, reason) {
    await store.write(async (tx) => {
      const row = await sagaRow(tx, id);
      if (row.state !== 'running' || row.cancelAsked !== undefined) return;
      await tx.table('sagas').update(id, row.revision, { cancelAsked: reason });
    });
    active.get(id)?.interrupts.askCancel(cancelled(reason));
  },
  retryStuck: (id, signal) =>
    join(id, signal, () =>
      store.write(async (tx) =>
        takeUp(tx, await stuckRow(tx, id, 'undoing'), owner, { state: 'undoing', stuckAt: undefined }),
      ),
    ),
  forget: (id) =>
    store.write(async (tx) => {
      const { revision } = await stuckRow(tx, id, 'forgotten');
      await tx.table('sagas').update(id, revision, { state: 'forgotten' });
    }),
});

/** A run that is over is only read. */
const taken = async (tx: Tx, row: SagaRun, owner: string): Promise<SagaRun> =>
  isOver(row) ? row : takeUp(tx, row, owner);

const goOn = async <P>(
  deps: Omit<SagaDeps<P>, 'definitions'> & {
    readonly definitions: ReadonlyMap<string, AnySaga<P>>;
    readonly interrupts: Interrupts;
    readonly portsOf: (held: HeldRun) => P;
  },
  read: () => Promise<SagaRun>,
): Promise<Output> => {
  const { store, clock, portsOf, interrupts, until, log = silentLog, crashPoint = () => undefined } = deps;
  const row = await read();
  if (isOver(row)) return endOf(row);
  const definition = deps.definitions.get(row.name);
  assert(definition !== undefined, `the definition ${row.name} of the unfinished run ${row.id} is kept`);
  if (row.cancelAsked !== undefined)
    interrupts.askCancel(row.error === undefined ? cancelled(row.cancelAsked) : revive(row.error));
  else if (definition.isRetired === true)
    interrupts.askCancel(fail('work.outdated', { saga: row.name, id: row.id }));
  const held = heldOf(row);
  const journal = await openJournal(store, held, definition);
  // The input is JSON, provided by the starter of this very saga.
  const input = row.input as never;
  return drive({
    id: row.id,
    row,
    definition,
    input,
    ports: portsOf(held),
    until: until ?? ((ports) => ports),
    journal,
    interrupts,
    store,
    clock,
    log,
    crashPoint,
  });
};

const stuckRow = async (tx: ReadTx, id: string, trigger: SagaRun['state']): Promise<SagaRun> => {
  const row = await sagaRow(tx, id);
  if (row.state !== 'stuck') throw fail('state.illegal', { noun: 'saga', id, state: row.state, trigger });
  return row;
};

const unfinishedIds = async (tx: ReadTx): Promise<string[]> =>
  (await allRows(tx, { table: 'sagas', where: { state: ['running', 'undoing'] } })).map(({ id }) => id);
