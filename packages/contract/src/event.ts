/** The log of facts, and how to follow it. */
import { z } from 'zod';
import { EventId } from './ids.ts';
import { route } from './kernel/route.ts';
import { Instant } from './page.ts';

export const Event = z
  .object({
    /** Grows by one per event of this installation, without holes: the cursor of every reader. */
    seq: z.int().min(1),
    id: EventId,
    type: z.string(),
    version: z.int().min(1),
    at: Instant,
    /** Id of the record it is about. */
    subject: z.string(),
    /** The saga run, request or reconciler that caused it. */
    causedBy: z.string().optional(),
    /** Opaque to readers, so that none guesses at its shape: `dataOf` reads it. */
    data: z.record(z.string(), z.unknown()) as z.ZodType<object>,
  })
  .meta({ id: 'Event' });
export type Event = z.infer<typeof Event>;

const Move = z.object({ to: z.string() });

/** The state the record moved to; undefined for an event that is not a transition. */
export const movedTo = ({ data }: Pick<Event, 'data'>): string | undefined => Move.safeParse(data).data?.to;

/**
 * What a stream sends: an event, or a notice that this reader missed events (it was too slow, or asked for events no
 * longer kept) and must read on from `resumeAfter`.
 */
export const EventMessage = z
  .union([Event, z.object({ lagged: z.literal(true), resumeAfter: z.int().min(0) })])
  .meta({ id: 'EventMessage' });
export type EventMessage = z.infer<typeof EventMessage>;

const filters = {
  /** Only events about this record. */
  subject: z.string().max(64).optional(),
  /** Only this type, or all of a noun: `task.*`. */
  type: z.string().max(64).optional(),
};

export const eventRoutes = [
  route({
    id: 'event.list',
    method: 'GET',
    path: '/v1/events/page',
    query: z.strictObject({
      afterSeq: z.coerce.number().int().min(0).optional(),
      limit: z.coerce.number().int().min(1).max(1000).optional(),
      ...filters,
    }),
    returns: z.object({
      rows: z.array(Event),
      /** The oldest event kept: a reader that asked for older ones has missed them. */
      firstSeq: z.int().min(0),
      lastSeq: z.int().min(0),
    }),
    role: 'viewer',
    errors: [],
    summary: 'Read events after a sequence number',
  }),
  route({
    id: 'event.stream',
    method: 'GET',
    path: '/v1/events',
    query: z.strictObject({ afterSeq: z.coerce.number().int().min(0).optional(), ...filters }),
    returns: EventMessage,
    answers: 'events',
    role: 'viewer',
    errors: [],
    summary: 'Follow events; resume with Last-Event-ID',
  }),
] as const;
