/** Tasks and their traces, for system tests. */
import type { Event, Item, Task, TaskCreate } from '@berth/contract';
import type { Client } from '@berth/sdk/node';

/** Far longer than it takes; a machine may be loaded. */
const TASK_TIMEOUT_MS = 100_000;

export interface Followed {
  readonly task: Task;
  readonly events: readonly Event[];
}

/** Creates a task and follows it to its end. */
export const runTask = async (client: Client, wanted: TaskCreate): Promise<Followed> => {
  const { lastSeq } = await client.system.stats();
  const { id } = await client.tasks.create(wanted);
  return followTask(client, id, lastSeq);
};

export const followTask = async (client: Client, id: string, afterSeq: number): Promise<Followed> => {
  const signal = AbortSignal.timeout(TASK_TIMEOUT_MS);
  const followed = client.tasks.follow({ id, afterSeq }, { signal });
  const events: Event[] = [];
  for (;;) {
    const { done, value } = await followed.next();
    if (done) return { task: value, events };
    events.push(value);
  }
};

/** Waits for the first event after a place in the log that is meant. */
export const eventAfter = async (
  client: Client,
  afterSeq: number,
  isMeant: (event: Event) => boolean,
): Promise<Event> => {
  const signal = AbortSignal.timeout(TASK_TIMEOUT_MS);
  for await (const event of client.events.stream({ afterSeq }, { signal })) if (isMeant(event)) return event;
  throw new Error('the log of events has ended');
};

/** The conversation of a task's newest attempt. */
export const conversationOf = async (client: Client, taskId: string) => {
  const { rows } = await client.tasks.attempts({ id: taskId });
  const attempt = rows.at(-1);
  if (attempt?.sessionId === undefined) throw new Error('there is no conversation yet');
  const session = await client.sessions.get({ id: attempt.sessionId });
  const { rows: items } = await client.sessions.items({ id: attempt.sessionId, limit: 200 });
  return { attempt, session, items };
};

export const messagesOf = (items: readonly Item[], role: 'user' | 'agent'): readonly string[] =>
  items.flatMap(({ body }) => (body.kind === 'message' && body.role === role ? [body.text] : []));

/** A prompt for the agent `scripted`, which does these steps. */
export const steps = (...list: readonly Readonly<Record<string, unknown>>[]): string =>
  `Do this:\n\n\`\`\`berth\n${JSON.stringify(list)}\n\`\`\`\n`;

/** How a task ended, so that a failed test tells the reason. */
export const endOf = ({ state, error }: Task) => ({ state, code: error?.code, message: error?.message });

export const COMPLETED = { state: 'completed' };
