/** A session is a conversation with an agent: turns, and items within them (upserts by id, so replays are harmless). */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { AttemptId, ItemId, SessionId, TaskId, TurnId } from './ids.ts';
import { ItemGrowth } from './item-growth.ts';
import { event, eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { stateOf, table } from './kernel/states.ts';
import { Instant, pageOf, pageQuery, recordFields } from './page.ts';
import { CommitId } from './workspace.ts';

export const turnStates = table({
  running: { ended: 'ended', failed: 'failed', cancelled: 'cancelled' },
  ended: {},
  failed: {},
  cancelled: {},
});

export const Usage = z
  .object({ inputTokens: z.int(), cachedInputTokens: z.int(), outputTokens: z.int() })
  .meta({ id: 'Usage' });
export type Usage = z.infer<typeof Usage>;

export const Session = z
  .object({
    id: SessionId,
    attemptId: AttemptId,
    taskId: TaskId,
    agent: z.string(),
    model: z.string().optional(),
    /** `resumed`, or `fresh` when the previous conversation could not be continued. */ continuity: z.enum([
      'new',
      'resumed',
      'fresh',
    ]),
    ...recordFields,
  })
  .meta({ id: 'Session' });
export type Session = z.infer<typeof Session>;

/** Death of a machine during a turn. */
export const MachineDeath = z
  .object({
    reason: z.string(),
    /** Sequence number of the item in the turn that reports it. */ place: z.int(),
  })
  .meta({ id: 'MachineDeath' });
export type MachineDeath = z.infer<typeof MachineDeath>;

export const Turn = z
  .object({
    id: TurnId,
    sessionId: SessionId,
    attemptId: AttemptId,
    state: stateOf(turnStates),
    number: z.int().min(1),
    prompt: z.string(),
    /** What caused the prompt. */
    cause: z.enum(['task', 'follow_up', 'red_gate', 'conflict']),
    /** The commit on the hidden ref that holds all work after this turn. */
    commit: CommitId.optional(),
    /** Machines that died during it, oldest first. After each, the turn restarted on a new machine from the disk. */
    deaths: z.array(MachineDeath).optional(),
    endedAt: Instant.optional(),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'Turn' });
export type Turn = z.infer<typeof Turn>;

export const ItemBody = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('message'), role: z.enum(['user', 'agent']), text: z.string() }),
    z.object({ kind: z.literal('thought'), text: z.string() }),
    z.object({
      kind: z.literal('tool'),
      title: z.string(),
      tool: z.string().optional(),
      status: z.enum(['pending', 'running', 'completed', 'failed']),
      input: z.unknown().optional(),
      output: z.string().optional(),
      paths: z.array(z.string()).optional(),
    }),
    z.object({
      kind: z.literal('plan'),
      entries: z.array(z.object({ text: z.string(), status: z.string() })),
    }),
    z.object({ kind: z.literal('permission'), title: z.string(), decision: z.string() }),
    z.object({ kind: z.literal('notice'), text: z.string() }),
  ])
  .meta({ id: 'ItemBody' });
export type ItemBody = z.infer<typeof ItemBody>;

export const Item = z
  .object({
    id: ItemId,
    turnId: TurnId,
    sessionId: SessionId,
    /** Position within the session. */ position: z.int(),
    body: ItemBody,
    ...recordFields,
  })
  .meta({ id: 'Item' });
export type Item = z.infer<typeof Item>;

export const sessionEvents = [
  event('session.opened', 1, z.object({ agent: z.string(), continuity: z.string() })),
  event('item.changed', 1, z.object({ item: Item })),
  event('item.grown', 1, ItemGrowth),
  ...eventsOf('turn', turnStates),
];

const params = z.strictObject({ id: SessionId });
export const sessionRoutes = [
  route({
    id: 'session.get',
    method: 'GET',
    path: '/v1/sessions/:id',
    params,
    returns: Session.extend({ turns: z.array(Turn) }),
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show a session and its turns',
  }),
  route({
    id: 'session.items',
    method: 'GET',
    path: '/v1/sessions/:id/items',
    params,
    query: z.strictObject(pageQuery),
    returns: pageOf(Item),
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Read the items of a session',
  }),
] as const;
