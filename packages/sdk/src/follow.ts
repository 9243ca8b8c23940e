/**
 * Following a task: everything that happens to it, its attempts, its conversation, its change and its gate runs,
 * until it has ended. Events name the record they are about; its task is looked up once per record.
 */
import { dataOf, ENDED_TASK_STATES, type Event, movedTo, type Task } from '@berth/contract';
import type { CallOptions, RouteMethods } from './client-type.ts';
import { createItemAssembler, type ItemAssembler } from './item-assembler.ts';

export interface FollowInput {
  readonly id: string;
  /** Resume after this event; from now when absent. */
  readonly afterSeq?: number | undefined;
}

/** Yields the task's events in order, with items whole; returns the task as it ended. */
export type Follow = (input: FollowInput, options?: CallOptions) => AsyncGenerator<Event, Task, undefined>;

export const followTask = (client: RouteMethods): Follow =>
  async function* (input, options = {}) {
    const afterSeq = input.afterSeq ?? (await client.system.stats({}, options)).lastSeq;
    const { id } = input;
    const before = await client.tasks.get({ id }, options);
    if (input.afterSeq === undefined && ENDED_TASK_STATES.includes(before.state)) return before;
    const ownerOf = createOwners(client, id, options);
    const items = createItemAssembler();
    for await (const event of client.events.stream({ afterSeq }, options)) {
      if ((await ownerOf(event)) !== id) continue;
      yield* wholeItem(client, items, event);
      if (event.type.startsWith('task.') && ENDED_TASK_STATES.includes(movedTo(event) ?? '')) break;
    }
    return client.tasks.get({ id }, options);
  };

/** Finds the task that an event is about, or undefined when there is none or it was removed. */
const createOwners = (client: RouteMethods, taskId: string, options: CallOptions) => {
  const known = new Map<string, Promise<string | undefined>>();
  const once = (id: string, ask: () => Promise<string | undefined>) => {
    // A record removed meanwhile belongs to no task that is followed.
    const answer = known.get(id) ?? ask().catch(() => undefined);
    known.set(id, answer);
    return answer;
  };
  const changeOwner = (id: string) =>
    once(id, async () => (await client.changes.get({ id }, options)).taskId);
  const sessionOwner = (id: string) =>
    once(id, async () => (await client.sessions.get({ id }, options)).taskId);
  const attemptOwner = (id: string) =>
    once(id, async () => {
      const { rows } = await client.tasks.attempts({ id: taskId }, options);
      return rows.some((attempt) => attempt.id === id) ? taskId : undefined;
    });
  const gateOwner = (id: string) =>
    once(id, async () => changeOwner((await client.gates.get({ id }, options)).changeId));

  return async (event: Event): Promise<string | undefined> => {
    const { type, subject } = event;
    const noun = type.split('.')[0];
    if (noun === 'task') return subject;
    if (noun === 'attempt') return attemptOwner(subject);
    if (noun === 'session') return sessionOwner(subject);
    if (noun === 'item') return sessionOwner(sessionOf(event));
    // Of a sandbox, only what blocks its task.
    if (type === 'sandbox.egress_denied')
      return attemptOwner(dataOf(event, 'sandbox.egress_denied')?.attemptId ?? '');
    if (noun === 'change') return changeOwner(subject);
    return noun === 'gate' ? gateOwner(subject) : undefined;
  };
};

/** The event with its item whole, however the log encodes it; none for an item already delivered in this revision. */
async function* wholeItem(client: RouteMethods, items: ItemAssembler, event: Event): AsyncGenerator<Event> {
  const taken = items.take(event);
  if (event.type !== 'item.grown') return yield event;
  const item = taken === 'missed' ? await items.read(client, event) : taken;
  if (item !== undefined) yield { ...event, type: 'item.changed', data: { item } };
}

/** The session an item belongs to; empty when the event names none. */
const sessionOf = (event: Event): string =>
  dataOf(event, 'item.changed')?.item.sessionId ?? dataOf(event, 'item.grown')?.sessionId ?? '';
